"""Let a model call a function, and answer with its result, through Ollama's /api/chat.

    python tool_loop.py "How warm is it in Oslo?"

Only the standard library is needed. The model must have the capability ``tools``.
"""

import json
import os
import sys
import urllib.request
from collections.abc import Callable
from typing import Any

BASE_URL = os.environ.get("OLLAMA_HOST", "http://127.0.0.1:11434")  # with scheme and port
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy for local calls
MODEL = os.environ.get("MODEL", "qwen3")
MOST_ROUNDS = 5  # a confused model would call for ever


def temperature_in(city: str) -> str:
    """Look up the temperature of a city; a real program would ask a weather service."""
    known = {"oslo": "7", "madrid": "24"}
    return known.get(city.lower(), f"error: no temperature is known for {city}")


# The only functions that may be called, whatever name the model writes.
FUNCTIONS: dict[str, Callable[..., str]] = {"temperature_in": temperature_in}

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "temperature_in",
            "description": "Current temperature of a city in degrees Celsius",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string", "description": "name of the city"}},
                "required": ["city"],
            },
        },
    }
]


def chat(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Send the whole conversation; return the message that the model replies with."""
    payload = {"model": MODEL, "messages": messages, "tools": TOOLS, "stream": False}
    request = urllib.request.Request(
        f"{BASE_URL}/api/chat",
        data=json.dumps(payload).encode(),
        headers={"Content-Type": "application/json"},
    )
    with OPENER.open(request, timeout=600) as response:
        message: dict[str, Any] = json.load(response)["message"]
    return message


def run(call: dict[str, Any]) -> dict[str, Any]:
    """Run one call; return the message that carries its result."""
    name, arguments = call["function"]["name"], call["function"]["arguments"]
    try:
        result = FUNCTIONS[name](**arguments)  # arguments is an object already, not a string
    except KeyError:
        result = f"error: there is no function {name}"
    except TypeError as error:  # wrong or missing arguments: the model may correct itself
        result = f"error: {error}"
    answer = {"role": "tool", "tool_name": name, "content": result}
    return answer | ({"tool_call_id": call["id"]} if "id" in call else {})


def answer(question: str) -> str:
    """Return the answer to a question; give up after five rounds of calls."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": question}]
    for _ in range(MOST_ROUNDS):
        message = chat(messages)
        messages.append(message)
        calls = message.get("tool_calls", [])
        if not calls:
            return str(message["content"])
        messages += [run(call) for call in calls]
    raise RuntimeError(f"no answer after {MOST_ROUNDS} rounds of calls")


if __name__ == "__main__":
    print(answer(" ".join(sys.argv[1:]) or "How warm is it in Oslo?"))
