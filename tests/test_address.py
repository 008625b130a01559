"""Every form of ``OLLAMA_HOST`` is understood, and keys go only where they belong."""

import pytest

from ragkit.errors import ConfigError
from ragkit.ollama import AsyncClient, Client
from ragkit.ollama.address import Address, headers_for, parse_address

UNDERSTOOD = {
    "": "http://127.0.0.1:11434",
    "  ": "http://127.0.0.1:11434",
    "1.2.3.4": "http://1.2.3.4:11434",
    "example.com": "http://example.com:11434",
    "my_gpu": "http://my_gpu:11434",
    "münchen.example": "http://münchen.example:11434",
    ":1234": "http://127.0.0.1:1234",
    "1.2.3.4:1234": "http://1.2.3.4:1234",
    "http://1.2.3.4": "http://1.2.3.4:80",
    "HTTP://1.2.3.4": "http://1.2.3.4:80",
    "https://example.com": "https://example.com:443",
    "https://example.com/ollama": "https://example.com:443/ollama",
    "https://example.com/ollama/": "https://example.com:443/ollama",
    "example.com/a b": "http://example.com:11434/a%20b",
    "http://h/x?query#part": "http://h:80/x",
    "ollama.com": "https://ollama.com:443",
    "Ollama.com/": "https://Ollama.com:443",
    "ollama.com:80": "http://ollama.com:80",
    "::1": "http://[::1]:11434",
    "[::1]": "http://[::1]:11434",
    "[::1]:1337": "http://[::1]:1337",
    "[::1": "http://[::1]:11434",
    "fe80::1%eth0": "http://[fe80::1%eth0]:11434",
    "https://[2001:db8::1]/x": "https://[2001:db8::1]:443/x",
    # ports that cannot be
    ":66000": "http://127.0.0.1:11434",
    ":-1": "http://127.0.0.1:11434",
    "gpu:": "http://gpu:11434",
    "gpu:ollama": "http://gpu:11434",
    "gpu:12 34": "http://gpu:11434",
    "https://gpu:ollama": "https://gpu:443",
    "gpu:" + "9" * 5000: "http://gpu:11434",
    "gpu:١٢": "http://gpu:11434",
    # addresses to listen on, at which nobody can be reached
    "0.0.0.0": "http://127.0.0.1:11434",
    "0.0.0.0:80": "http://127.0.0.1:80",
    "[::]": "http://[::1]:11434",
    "[0:0::0]:80": "http://[::1]:80",
    "http://": "http://127.0.0.1:80",
    # as it is copied from elsewhere
    ' "gpu:1234" ': "http://gpu:1234",
    "'http://gpu:1234'": "http://gpu:1234",
    "http://gpu:1234/api": "http://gpu:1234",
    "http://gpu:1234/v1/": "http://gpu:1234",
    "http://gpu:1234/ollama/api/": "http://gpu:1234/ollama",
}

MALFORMED = [
    "ftp://gpu",
    "unix:///run/ollama.sock",
    "://gpu",
    "http:/gpu",
    "http:gpu",
    "https:",
    "//gpu",
    "a b",
    "gpu\n.example",
    "gpu\x00",
    "http://gpu?x",
    "http://gpu#x",
    "http://gpu\\x",
    "<gpu>",
    "{host}",
    "g%70u",
    "[gpu]",
    "[1.2.3.4]",
    "1:2:3",
    "http://gpu:80:90",
    "[::zz]",
    "a..b",
    ".local",
    "a" * 64,
    "\ufeffhttp://gpu",
]


@pytest.mark.parametrize(("text", "address"), UNDERSTOOD.items())
def test_address_is_understood_as_by_the_server(text: str, address: str) -> None:
    assert str(parse_address(text)) == address
    Client(text).close()  # and can be connected to


@pytest.mark.parametrize("text", MALFORMED)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_malformed_address_is_refused_before_anything_is_sent(
    text: str, kind: type[Client | AsyncClient]
) -> None:
    with pytest.raises(ConfigError, match="is no address of Ollama") as caught:
        kind(text)
    assert caught.value.hint == "give one such as http://127.0.0.1:11434"
    assert len(caught.value.message) < 120


@pytest.mark.parametrize("text", ["me:secret@gpu", "http://me:secret@gpu:80/x", "secret@gpu"])
def test_password_in_an_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError, match="user name or password") as caught:
        parse_address(text)
    assert "secret" not in str(caught.value)


def test_host_that_has_no_name_on_the_network_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot connect to http://☃:11434"):
        Client("☃")


def test_address_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "gpu:1")
    assert str(Client().address) == str(AsyncClient().address) == "http://gpu:1"
    assert str(Client("other").address) == "http://other:11434"
    assert str(Client("").address) == "http://127.0.0.1:11434"
    monkeypatch.delenv("OLLAMA_HOST")
    assert str(Client().address) == "http://127.0.0.1:11434"


@pytest.mark.parametrize(
    ("host", "is_private"),
    {
        "127.0.0.1": True,
        "10.1.2.3": True,
        "192.168.0.9": True,
        "::1": True,
        "fe80::1%eth0": True,
        "localhost": True,
        "gpu": True,
        "gpu.local": True,
        "gpu.local.": True,
        "host.docker.internal": True,
        "8.8.8.8": False,
        "2001:4860:4860::8888": False,
        "example.com": False,
        "local.example.com": False,
    }.items(),
)
def test_own_network_is_told_from_others(host: str, is_private: bool) -> None:
    assert Address("http", host, 80).is_private is is_private


def key_sent(host: str, api_key: str | None = None, env: str = "") -> str | None:
    headers = headers_for(parse_address(host), api_key, {"OLLAMA_API_KEY": env})
    return headers.get("Authorization")


def test_key_of_the_environment_goes_to_ollama_com_alone() -> None:
    assert key_sent("https://ollama.com", env="k") == "Bearer k"
    assert key_sent("ollama.com", env=" k\n") == "Bearer k"
    for host in ("", "https://example.com", "http://ollama.com", "https://ollama.com.example.com"):
        assert key_sent(host, env="k") is None


def test_key_that_is_given_goes_to_the_address_that_is_given() -> None:
    assert key_sent("https://example.com", "k") == "Bearer k"
    assert key_sent("gpu:1234", "k") == "Bearer k"
    assert key_sent("ollama.com", "mine", env="other") == "Bearer mine"
    assert key_sent("https://example.com", "") is None


@pytest.mark.parametrize("host", ["http://example.com", "8.8.8.8", "http://ollama.com"])
def test_key_is_never_sent_in_the_clear_to_another_network(host: str) -> None:
    with pytest.raises(ConfigError, match="in the clear") as caught:
        key_sent(host, "secret")
    assert caught.value.hint == "use https://"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["sec\nret", "sécret", "sec\x00ret"])
def test_key_that_is_none_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ConfigError, match="characters that no key has") as caught:
        Client("https://example.com", api_key=key)
    assert "ret" not in str(caught.value)
