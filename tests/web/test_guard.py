"""Only this host, only its own pages, not too much at once."""

import signal

import pytest

pytest.importorskip("starlette", reason="the extra app is not installed")

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from tkit.errors import UsageError
from tkit.web import guard, serving

HERE = "http://127.0.0.1:8100"


async def echo(request):
    return PlainTextResponse(str(len(await request.body())))


async def greet(socket):
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


def client(**settings):
    routes = [Route("/", echo, methods=["GET", "POST"]), WebSocketRoute("/talk", greet)]
    app = guard.Guard(Starlette(routes=routes), **settings)
    return TestClient(app, base_url=HERE, raise_server_exceptions=False)


@pytest.mark.parametrize("host", ["127.0.0.1:8100", "localhost:8100", "LOCALHOST", "[::1]:8100"])
def test_this_machine_is_answered_by_its_names(host):
    assert client().get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil:8100", "192.168.1.2:8100", ""],
)
def test_a_name_that_was_made_to_point_here_is_refused(host):
    found = client().get("/", headers={"host": host})
    assert found.status_code == 421
    assert client(hosts=None).get("/", headers={"host": host or "x"}).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (HERE, 200),
        ("https://127.0.0.1:8100", 200),  # behind a proxy with TLS
        ("http://127.0.0.1:9", 403),
        ("http://localhost:8100", 403),
        ("http://evil.example", 403),
        ("null", 403),
        ("", 403),
        ("file://127.0.0.1:8100", 403),
    ],
)
def test_what_changes_something_comes_from_a_page_of_the_same_host(origin, status):
    assert client().post("/", content=b"x", headers={"origin": origin}).status_code == status
    if status == 200:
        with client().websocket_connect(
            "/talk", headers={"origin": origin, "host": "127.0.0.1:8100"}
        ) as s:
            assert s.receive_text() == "hello"
    else:
        with (
            pytest.raises(WebSocketDisconnect) as refused,
            client().websocket_connect(
                "/talk", headers={"origin": origin, "host": "127.0.0.1:8100"}
            ),
        ):
            pass
        assert refused.value.code == 1008


def test_a_request_without_origin_changes_nothing():
    assert client().post("/", content=b"x").status_code == 403


def test_a_body_is_limited_whether_its_length_is_stated_or_not():
    small = client(max_bytes=1000)
    headers = {"origin": HERE}
    assert small.post("/", content=bytes(1000), headers=headers).text == "1000"
    assert small.post("/", content=bytes(1001), headers=headers).status_code == 413
    pieces = (bytes(100) for _ in range(11))
    assert small.post("/", content=pieces, headers=headers).status_code == 413
    assert (
        small.post("/", content=b"", headers=headers | {"content-length": "x"}).status_code == 400
    )


def test_too_many_requests_wait_and_are_answered_again():
    now = [0.0]
    limited = client(rate_hz=2, burst=3, clock=lambda: now[0])
    assert [limited.get("/").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert limited.get("/").headers["retry-after"] == "1"
    now[0] += 0.5
    assert [limited.get("/").status_code for _ in range(2)] == [200, 429]


def test_addresses_are_counted_apart_and_forgotten():
    buckets = guard.Buckets(1, 1, lambda: 0.0)
    assert buckets.take("a") == 0 and buckets.take("a") == 1 and buckets.take("b") == 0
    for number in range(guard.MAX_KNOWN):
        buckets.take(str(number))
    assert buckets.take("a") == 0


def test_every_answer_says_what_a_page_may_do():
    for found in (client().get("/"), client().get("/nowhere"), client().post("/")):
        assert "default-src 'none'" in found.headers["content-security-policy"]
        assert "unsafe" not in found.headers["content-security-policy"]
        assert found.headers["x-content-type-options"] == "nosniff"
        assert found.headers["cross-origin-resource-policy"] == "same-origin"


def test_a_token_is_of_one_browser_and_one_secret():
    token = guard.token_for(b"s", "a")
    guard.require_token(token, b"s", "a")
    for secret, name in ((b"t", "a"), (b"s", "b"), (b"s", "")):
        with pytest.raises(Exception, match="too old"):
            guard.require_token(token, secret, name)


def test_a_port_that_is_taken_is_said_or_another_one_found():
    with serving.listen("127.0.0.1", 0, usual=0) as first:
        first.listen()
        port = first.getsockname()[1]
        with pytest.raises(UsageError, match="taken by another program"):
            serving.listen("127.0.0.1", port, usual=port)
        with serving.listen("127.0.0.1", None, usual=port) as second:
            assert second.getsockname()[1] != port
    with pytest.raises(UsageError, match="cannot be listened at"):
        serving.listen("203.0.113.7", 0, usual=0)


@pytest.mark.parametrize(
    ("host", "inside"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("192.168.0.3", False), ("example.org", False)],
)  # fmt: skip
def test_what_others_can_reach_is_known(host, inside):
    assert serving.is_loopback(host) == inside


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_end_lets_what_was_opened_be_removed(number):
    before, removed = signal.getsignal(number), []
    with pytest.raises(SystemExit) as end, serving.ended_in_order():
        try:
            signal.raise_signal(number)
        finally:
            removed.append(True)
    assert end.value.code == 128 + number and removed
    assert signal.getsignal(number) is before
