from app.upstream.http_session import configured_headers
from tests.support.http_wires import remote


def test_the_config_sets_any_header_but_those_that_describe_our_messages() -> None:
    given = {
        "Authorization": "Bearer x",
        "X-Y": "1",
        "ACCEPT": "*/*",
        "mcp-method": "a",
        "Transfer-Encoding": "chunked",
    }
    assert configured_headers(remote("http://far/", headers=given)) == {"authorization": "Bearer x", "x-y": "1"}
