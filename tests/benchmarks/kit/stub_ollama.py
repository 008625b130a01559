"""A load stub that speaks enough of Ollama's HTTP API to time a client's own overhead.

Vectors are drawn from a fixed pool by a hash of the text, already serialised, so the
server costs little. `--us-per-char` makes it take as long as a model would; `--parallel`
is how many inputs it works on at once, first come first served. As in Ollama, the inputs of
one batch are spread over the slots; `--batch-one-slot` keeps a batch in one. (Ollama loads
an embedding model with one slot: `--parallel 1` is what a real server does.)
GET /__stats tells what it saw; POST /__reset zeroes it.
"""
import argparse, asyncio, hashlib, heapq, json, random, time, zlib

try:
    import orjson
    loads = orjson.loads
except ImportError:
    loads = json.loads


class State:
    def __init__(self, a):
        rng = random.Random(7)
        self.pool = []
        for _ in range(1024):
            v = [rng.gauss(0, 1) for _ in range(a.dim)]
            n = sum(x * x for x in v) ** 0.5
            self.pool.append("[" + ",".join(f"{x / n:.8g}" for x in v) + "]")
        self.a = a
        self.slots = [0.0] * a.parallel  # when each comes free
        self.open = set()
        self.reset()

    def reset(self):
        self.stats = dict(requests=0, embed=0, embeddings=0, texts=0, chars=0, chat=0, peak=0, now=0, conns=0, max_batch=0, work_s=0.0, first=0.0, last=0.0)

    def finish(self, texts, now):
        """When the last of these texts is done, each having taken the slot free soonest."""
        end = now
        for t in ["".join(texts)] if self.a.batch_one_slot else texts:
            cost = len(t) * self.a.us_per_char / 1e6
            e = max(heapq.heappop(self.slots), now) + cost
            heapq.heappush(self.slots, e)
            self.stats["work_s"] += cost
            end = max(end, e)
        return end

    def vec(self, text):
        return self.pool[zlib.crc32(text.encode("utf-8", "surrogatepass")) & 1023]


class Conn(asyncio.Protocol):
    def __init__(self, st):
        self.st, self.buf, self.busy = st, bytearray(), False

    def connection_made(self, t):
        self.t = t
        self.st.open.add(self)
        self.st.stats["conns"] = max(self.st.stats["conns"], len(self.st.open))
        self.task = None
        self.q = asyncio.Queue()
        self.task = asyncio.ensure_future(self.serve())

    def connection_lost(self, exc):
        self.st.open.discard(self)
        self.idle()
        if self.task:
            self.task.cancel()

    def idle(self):
        if self.busy:
            self.busy = False
            self.st.stats["now"] = max(0, self.st.stats["now"] - 1)

    def data_received(self, data):
        if not self.busy:  # a request is under way from its first byte to its answer
            s, self.busy = self.st.stats, True
            s["now"] += 1
            s["peak"] = max(s["peak"], s["now"])
        self.buf += data
        while True:
            i = self.buf.find(b"\r\n\r\n")
            if i < 0:
                return
            head = bytes(self.buf[:i]).decode("latin1")
            low = head.lower()
            n = 0
            j = low.find("content-length:")
            if j >= 0:
                n = int(low[j + 15:].split("\r\n", 1)[0])
                end = i + 4 + n
                if len(self.buf) < end:
                    return
                body = bytes(self.buf[i + 4:end])
            elif "transfer-encoding: chunked" in low:
                end, body = self.chunked(i + 4)
                if end is None:
                    return
            else:
                end, body = i + 4, b""
            del self.buf[:end]
            m, path = head.split(" ", 2)[:2]
            self.q.put_nowait((m, path, body))

    def chunked(self, p):
        out = bytearray()
        while True:
            k = self.buf.find(b"\r\n", p)
            if k < 0:
                return None, None
            size = int(bytes(self.buf[p:k]).split(b";")[0], 16)
            if len(self.buf) < k + 2 + size + 2:
                return None, None
            out += self.buf[k + 2:k + 2 + size]
            p = k + 2 + size + 2
            if size == 0:
                return p, bytes(out)

    def send(self, body, code=200, ctype="application/json"):
        b = body.encode() if isinstance(body, str) else body
        self.t.write(f"HTTP/1.1 {code} OK\r\nContent-Type: {ctype}\r\nContent-Length: {len(b)}\r\n\r\n".encode() + (b"" if self.head else b))

    async def serve(self):
        st, a = self.st, self.st.a
        while True:
            m, path, body = await self.q.get()
            self.head = m == "HEAD"
            s = st.stats
            s["requests"] += not path.startswith("/__")
            try:
                path = path.split("?")[0]
                d = loads(body) if body else {}
                if path in ("/api/embed", "/api/embeddings", "/v1/embeddings"):
                    one = path == "/api/embeddings"
                    ts = [d.get("prompt", "")] if one else d.get("input", "")
                    ts = [ts] if isinstance(ts, str) else ts
                    s["first"] = s["first"] or time.monotonic()
                    s["embeddings" if one else "embed"] += 1
                    s["texts"] += len(ts)
                    s["max_batch"] = max(s["max_batch"], len(ts))
                    c = sum(map(len, ts))
                    s["chars"] += c
                    if a.ms_per_request:
                        await asyncio.sleep(a.ms_per_request / 1e3)
                    if a.us_per_char:
                        now = time.monotonic()
                        await asyncio.sleep(st.finish(ts, now) - now)
                    vs = [st.vec(t) for t in ts]
                    s["last"] = time.monotonic()
                    if one:
                        self.send('{"embedding":' + vs[0] + "}")
                    elif path == "/api/embed":
                        self.send('{"model":"%s","embeddings":[%s],"total_duration":1000,"load_duration":1000,"prompt_eval_count":%d}' % (d.get("model"), ",".join(vs), c // 4))
                    else:
                        self.send('{"object":"list","model":"%s","data":[%s],"usage":{"prompt_tokens":%d,"total_tokens":%d}}' % (d.get("model"), ",".join('{"object":"embedding","index":%d,"embedding":%s}' % p for p in enumerate(vs)), c // 4, c // 4))
                elif path == "/api/chat":
                    s["chat"] += 1
                    read = sum(len(x.get("content", "").encode()) for x in d.get("messages", [])) // 4  # a CJK character is 3 bytes: 3/4 of a token
                    words = ["Grounded", " answer", " [1]", "."]
                    fin = {"model": d.get("model"), "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop", "total_duration": 1000, "load_duration": 1, "prompt_eval_count": read, "prompt_eval_duration": 1, "eval_count": 4, "eval_duration": 1}
                    if d.get("stream", True):
                        ls = [json.dumps({"model": d.get("model"), "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": w}, "done": False}) for w in words] + [json.dumps(fin)]
                        self.send("\n".join(ls) + "\n", ctype="application/x-ndjson")
                    else:
                        fin["message"]["content"] = "".join(words)
                        self.send(json.dumps(fin))
                elif path == "/api/generate":
                    fin = {"model": d.get("model"), "created_at": "2026-01-01T00:00:00Z", "response": "Grounded answer [1].", "done": True, "done_reason": "stop", "total_duration": 1000, "prompt_eval_count": 10, "eval_count": 4}
                    self.send(json.dumps(fin) + "\n", ctype="application/x-ndjson")
                elif path == "/api/show":
                    caps = ["embedding"] if "embed" in str(d.get("model", d.get("name"))) or "minilm" in str(d.get("model", d.get("name"))) else ["completion"]
                    self.send(json.dumps({"modelfile": "", "parameters": "", "template": "{{ .Prompt }}", "details": {"format": "gguf", "family": "bert", "families": ["bert"], "parameter_size": "23M", "quantization_level": "F16", "parent_model": ""}, "model_info": {"general.architecture": "bert", "bert.context_length": 8192, "bert.embedding_length": a.dim}, "capabilities": caps, "modified_at": "2026-01-01T00:00:00Z"}))
                elif path == "/api/tags":
                    self.send(json.dumps({"models": [{"name": n, "model": n, "modified_at": "2026-01-01T00:00:00Z", "size": 1, "digest": hashlib.sha256(n.encode()).hexdigest(), "details": {"format": "gguf", "family": "bert", "families": None, "parameter_size": "23M", "quantization_level": "F16"}} for n in ("all-minilm:latest", "nomic-embed-text:latest", "llama3:latest", "llama3.2:latest")]}))
                elif path == "/api/version":
                    self.send('{"version":"0.12.6"}')
                elif path == "/api/ps":
                    self.send('{"models":[]}')
                elif path == "/__stats":
                    self.send(json.dumps(s))
                elif path == "/__reset":
                    st.reset()
                    self.send("{}")
                elif path == "/":
                    self.send("Ollama is running", ctype="text/plain")
                else:
                    self.send('{"error":"404 page not found"}', 404)
            except ValueError as e:
                self.send(json.dumps({"error": str(e)}), 400)
            finally:
                self.idle()


async def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--port", type=int, default=11500)
    p.add_argument("--dim", type=int, default=384)
    p.add_argument("--us-per-char", type=float, default=0)
    p.add_argument("--ms-per-request", type=float, default=0)
    p.add_argument("--parallel", type=int, default=4)
    p.add_argument("--batch-one-slot", action="store_true")
    a = p.parse_args()
    st = State(a)
    srv = await asyncio.get_running_loop().create_server(lambda: Conn(st), "127.0.0.1", a.port)
    print("stub on", srv.sockets[0].getsockname()[1], flush=True)
    async with srv:
        await srv.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
