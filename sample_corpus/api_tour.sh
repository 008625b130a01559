#!/usr/bin/env bash
# A tour of Ollama's API with curl.
#
#     bash api_tour.sh
#
# It needs a server with the models llama3.2 and nomic-embed-text. OLLAMA_HOST may name another
# server, here with scheme and port: OLLAMA_HOST=http://192.168.1.20:11434 bash api_tour.sh

set -euo pipefail

base="${OLLAMA_HOST:-http://127.0.0.1:11434}"
chat_model="llama3.2"
embed_model="nomic-embed-text"

# --fail-with-body: a status of 400 or more ends the script, and the message is shown all the same.
# --noproxy: no proxy is asked for a server on this machine, even where HTTP_PROXY is set.
# --no-buffer: the pieces of a stream are shown as they come.
call() {
    local path="$1"
    shift
    curl --silent --show-error --fail-with-body --no-buffer --noproxy '*' --connect-timeout 5 \
        "$base$path" "$@"
    echo
}

echo "== Which release is it? A GET request; it costs nothing."
call /api/version

echo "== Which models are installed? The newest comes first."
call /api/tags

echo "== What can a model do? See capabilities, and model_info for the length of its context."
call /api/show -d "{\"model\": \"$chat_model\"}"

echo "== Load a model before it is needed: no messages, and how long it is to stay."
call /api/chat -d "{\"model\": \"$chat_model\", \"keep_alive\": \"10m\"}"

echo "== A whole answer in one reply."
call /api/chat -d "{
  \"model\": \"$chat_model\",
  \"messages\": [{\"role\": \"user\", \"content\": \"Why is the sky blue?\"}],
  \"stream\": false
}"

echo "== The same as a stream: one JSON object a line, the last with done true."
call /api/chat -d "{
  \"model\": \"$chat_model\",
  \"messages\": [{\"role\": \"user\", \"content\": \"Why is the sky blue?\"}]
}"

echo "== A second turn: the earlier question and answer are sent again, nothing is remembered."
call /api/chat -d "{
  \"model\": \"$chat_model\",
  \"messages\": [
    {\"role\": \"user\", \"content\": \"Name a river.\"},
    {\"role\": \"assistant\", \"content\": \"The Loire.\"},
    {\"role\": \"user\", \"content\": \"Which country is it in?\"}
  ],
  \"stream\": false
}"

echo "== An answer that fits a JSON schema."
call /api/chat -d "{
  \"model\": \"$chat_model\",
  \"messages\": [{\"role\": \"user\", \"content\": \"How long is a day in hours? Answer as JSON.\"}],
  \"format\": {\"type\": \"object\", \"properties\": {\"hours\": {\"type\": \"integer\"}}},
  \"stream\": false
}"

echo "== Two texts into two vectors. The prefix is part of the text: this model wants it."
call /api/embed -d "{
  \"model\": \"$embed_model\",
  \"input\": [\"search_document: Cats sleep a lot.\", \"search_query: Which animal sleeps?\"],
  \"truncate\": false
}"

echo "== What is in memory, with what context, and until when?"
call /api/ps

echo "== Make a model of another, copy it, and delete both. Deleting is DELETE with a body."
call /api/create -d "{\"model\": \"tour\", \"from\": \"$chat_model\", \"system\": \"Be brief.\"}"
call /api/copy -d '{"source": "tour", "destination": "tour-copy"}'
call /api/delete -X DELETE -d '{"model": "tour-copy"}'
call /api/delete -X DELETE -d '{"model": "tour"}'

echo "== Free the memory at once: no messages, and keep_alive as zero."
call /api/chat -d "{\"model\": \"$chat_model\", \"keep_alive\": 0}"
