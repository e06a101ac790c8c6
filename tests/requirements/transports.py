"""The transports: Streamable HTTP and stdio."""

from tests.requirements.requirement import Requirement

ACCESS = "integration/bad_input/test_access.py"
ANSWERS = "unit/downstream/test_response.py"
ASKING = "unit/relay/test_asking.py"
CLIENT = "integration/translate/test_as_a_client.py"
CONNECTION = "unit/upstream/test_connection.py"
HTTP = "basic/transports/streamable-http#"
JSON = "integration/bad_input/test_json.py"
LIFETIMES = "integration/relay/test_lifetimes.py"
MESSAGES = "integration/bad_input/test_messages.py"
MIRRORED = "integration/translate/test_mirrored.py"
MODERN = "unit/relay/test_downstream_modern.py"
PARAMS = "unit/protocol/test_mirrored.py"
PASSING = "integration/translate/test_passing.py"
PATHS = "integration/bad_input/test_paths.py"
STDIO = "basic/transports/stdio"
STDIO_FAULTS = "integration/upstream/test_stdio_faults.py"

TRANSPORTS: dict[str, Requirement] = {
    # Streamable HTTP
    "http.endpoint": Requirement(
        "There is a single endpoint path, and it supports POST.", "basic/transports/streamable-http",
        (f"{PATHS}::test_another_method_on_the_endpoint_is_told_which_there_are",),
    ),
    "http.origin": Requirement(
        "Origin is validated on all connections; one that is there and invalid is 403.", HTTP + "security-&-endpoint",
        (f"{ACCESS}::test_a_foreign_origin_is_forbidden_before_anything_else",),
    ),
    "http.single": Requirement(
        "A body is one request or notification; responses are not sent.", HTTP + "sending-messages",
        (f"{JSON}::test_json_that_is_no_message_is_an_invalid_request",
         f"{MESSAGES}::test_a_posted_response_is_refused_in_the_modern_era"),
    ),
    "http.accepted": Requirement(
        "A notification that is accepted is 202 without a body.", HTTP + "sending-messages",
        (f"{MESSAGES}::test_a_good_notification_is_accepted_without_a_word",),
    ),
    "http.unaccepted": Requirement(
        "A notification that cannot be accepted is an HTTP error.", HTTP + "sending-messages",
        (f"{MESSAGES}::test_a_bad_notification_is_refused_without_an_id",),
    ),
    "http.answer": Requirement(
        "A request is answered with one JSON object or with an event stream.", HTTP + "sending-messages",
        (f"{ANSWERS}::test_an_answer_that_nothing_precedes_is_json_under_the_clients_own_id",
         f"{ANSWERS}::test_a_notification_commits_to_a_stream_that_ends_with_the_answer"),
    ),
    "http.related": Requirement(
        "Notifications on the stream of a request relate to that request.", HTTP + "receiving-messages",
        ("integration/relay/test_concurrency.py::test_two_clients_with_one_progress_token_get_their_own_progress",),
    ),
    "http.no_requests": Requirement(
        "No request is ever sent to a client.", HTTP + "receiving-messages",
        (f"{PASSING}::test_a_modern_client_is_never_sent_a_request",
         f"{ASKING}::test_a_client_without_a_session_is_asked_by_an_answer_that_leads_back"),
    ),
    "http.cancelled": Requirement(
        "Closing the response is the cancellation of its request.", HTTP + "cancellation",
        (f"{LIFETIMES}::test_a_modern_client_that_hangs_up_cancels_its_call",
         f"{LIFETIMES}::test_a_modern_client_that_hangs_up_inside_a_stream_cancels_its_call",
         f"{MODERN}::test_closing_the_response_is_the_cancel"),
    ),
    "http.silent": Requirement(
        "Nothing more is sent for a request that was cancelled.", HTTP + "cancellation",
        (f"{ANSWERS}::test_after_a_hang_up_nothing_is_written",),
    ),
    "http.version": Requirement(
        "A version header that differs from the body's version is 400 and HeaderMismatch.",
        HTTP + "protocol-version-header",
        (f"{MESSAGES}::test_header_and_body_of_two_revisions_are_a_mismatch",
         f"{MESSAGES}::test_a_modern_envelope_without_the_header_is_a_mismatch"),
    ),
    "http.unsupported": Requirement(
        "A version that is not implemented is 400 with the supported ones.", HTTP + "protocol-version-header",
        (f"{MESSAGES}::test_an_unknown_revision_is_told_which_ones_there_are",
         f"{MESSAGES}::test_an_unknown_revision_in_the_header_alone_is_told_the_same",
         f"{MESSAGES}::test_a_revision_of_ten_kilobytes_is_as_unknown_as_a_short_one"),
    ),
    "methods.unknown": Requirement(
        "A method that is not implemented is 404 with −32601.", HTTP + "protocol-version-header",
        (f"{MESSAGES}::test_an_unknown_method_is_told_so",
         f"{MESSAGES}::test_what_the_modern_revision_removed_is_an_unknown_method_there",
         f"{PASSING}::test_a_method_of_another_revision_is_unknown_and_never_passed"),
    ),
    "http.mirror": Requirement(
        "Headers that are missing or differ from the body are 400 with −32020.", HTTP + "server-validation",
        (f"{MESSAGES}::test_a_routing_header_wrong_missing_or_doubled_is_a_mismatch",
         "unit/protocol/test_headers.py::test_a_contradiction_is_named"),
    ),
    "http.decoded": Requirement(
        "An encoded Mcp-Name is decoded before it is compared.", HTTP + "value-encoding",
        (f"{MESSAGES}::test_white_space_around_and_base64_of_a_routing_header_are_the_same_value",
         "unit/protocol/test_headers.py::test_values_are_decoded_as_the_sdk_decodes_them"),
    ),
    "param.validated": Requirement(
        "A mirrored argument's header equals the body's value.", HTTP + "server-behavior-for-custom-headers",
        (f"{MIRRORED}::test_what_a_modern_client_mirrors_must_be_there_and_agree",
         f"{PARAMS}::test_what_a_client_mirrors_is_judged_as_the_sdks_server_judges_it"),
    ),
    "param.missing": Requirement(
        "A value in the body without its header is refused.", HTTP + "server-behavior-for-custom-headers",
        (f"{MIRRORED}::test_what_a_modern_client_mirrors_must_be_there_and_agree",
         f"{PARAMS}::test_what_a_client_mirrors_is_judged_as_the_sdks_server_judges_it"),
    ),
    "param.null": Requirement(
        "For a value that is null or absent no header is expected.", HTTP + "server-behavior-for-custom-headers",
        (f"{MIRRORED}::test_a_header_for_a_value_that_is_null_or_absent_is_refused_and_none_is_expected",
         f"{PARAMS}::test_what_a_client_mirrors_is_judged_as_the_sdks_server_judges_it"),
    ),
    "param.characters": Requirement(
        "A recognized header with invalid characters is refused.", HTTP + "server-behavior-for-custom-headers",
        (f"{PARAMS}::test_a_value_with_characters_that_no_header_carries_is_refused",),
    ),
    "param.decoded": Requirement(
        "An encoded Mcp-Param value is decoded before it is compared; its markers are lower case.",
        HTTP + "value-encoding",
        (f"{MIRRORED}::test_what_a_modern_client_mirrors_must_be_there_and_agree",
         f"{PARAMS}::test_what_a_client_mirrors_is_judged_as_the_sdks_server_judges_it"),
    ),
    "param.status": Requirement(
        "Any failure of that validation is 400 with −32020.", HTTP + "server-behavior-for-custom-headers",
        (f"{MIRRORED}::test_what_a_modern_client_mirrors_must_be_there_and_agree",),
    ),
    "param.case": Requirement(
        "Names of headers are compared without regard to case.", HTTP + "case-sensitivity",
        (f"{MIRRORED}::test_what_a_modern_client_mirrors_must_be_there_and_agree",
         f"{PARAMS}::test_what_a_client_mirrors_is_judged_as_the_sdks_server_judges_it"),
    ),
    "param.unknown": Requirement(
        "An Mcp-Param header that nobody recognizes is no reason to refuse.",
        HTTP + "server-behavior-for-custom-headers",
        (f"{MIRRORED}::test_headers_that_no_tool_asks_for_mean_nothing",),
    ),
    "param.sent": Requirement(
        "As a client: designated arguments are mirrored into headers, encoded, from the body that is sent.",
        HTTP + "client-behavior",
        (f"{MIRRORED}::test_a_server_is_sent_headers_made_from_the_body_and_none_of_the_clients",
         f"{PARAMS}::test_what_is_sent_is_what_the_sdk_sends_and_what_the_sdk_accepts"),
    ),
    "param.tools": Requirement(
        "As a client: a tool with an invalid x-mcp-header is not in the list.", "server/tools#x-mcp-header",
        (f"{MIRRORED}::test_a_tool_with_an_annotation_that_is_none_is_listed_only_where_none_is_sent",
         f"{PARAMS}::test_which_annotations_are_valid_is_what_the_sdk_says_too"),
    ),
    "http.sent": Requirement(
        "As a client: each message is a POST of its own, with both types in Accept and the headers of its metadata.",
        HTTP + "sending-messages",
        (f"{CLIENT}::test_each_message_is_a_post_with_the_headers_and_the_envelope_of_its_revision",
         f"{CLIENT}::test_a_request_of_the_servers_is_answered_by_nothing"),
    ),
    "http.encoded": Requirement(
        "As a client: a name that no plain header can carry is encoded.", HTTP + "standard-request-headers",
        (f"{CLIENT}::test_each_message_is_a_post_with_the_headers_and_the_envelope_of_its_revision",
         "unit/protocol/test_headers.py::test_values_are_encoded_as_the_sdk_encodes_them_and_come_back"),
    ),
    "http.both": Requirement(
        "As a client: an answer in JSON and one by a stream are taken.", HTTP + "sending-messages",
        ("integration/upstream_http/test_sdk_servers.py::test_progress_comes_with_a_call_that_wants_it",
         "unit/upstream/test_streamable_http.py::test_unusual_but_whole_answers_are_taken"),
    ),
    # stdio
    "stdio.lines": Requirement(
        "As a client: what is written is messages, each of one line.", STDIO,
        (f"{STDIO_FAULTS}::test_line_ends_between_the_tokens_of_a_call_do_not_break_the_wire",
         "unit/upstream/test_stdio.py::test_one_message_is_one_line_whatever_it_holds"),
    ),
    "stdio.no_responses": Requirement(
        "As a client: no response is written, over any transport.", STDIO + "#sending-messages",
        (f"{CONNECTION}::test_a_modern_server_is_answered_nothing_whatever_it_asks",
         f"{CLIENT}::test_a_request_of_the_servers_is_answered_by_nothing"),
    ),
    "stdio.cancelled": Requirement(
        "As a client: a request is cancelled by a notification that names it.", STDIO + "#cancellation",
        (f"{STDIO_FAULTS}::test_a_cancelled_call_tells_the_server_and_its_late_answer_goes_nowhere",
         f"{CONNECTION}::test_cancel_tells_the_server_where_the_wire_does_not"),
    ),
    "era.fallback": Requirement(
        "As a client: a server is of an older revision by what it does not say, and not by one code.",
        STDIO + "#backward-compatibility",
        ("unit/upstream/test_negotiate.py::test_any_answer_to_discover_that_is_not_modern_is_a_refusal",
         "integration/upstream_http/test_wayward_servers.py::test_the_era_and_the_wire_are_found_out"),
    ),
    "feed.correlated": Requirement(
        "As a client: what is told of a subscription is known by its id.", STDIO + "#receiving-messages",
        ("unit/upstream/test_unasked.py::test_a_feed_that_opens_is_heard_by_who_opened_it_else_as_a_change",),
    ),
    "feed.again": Requirement(
        "As a client: what was subscribed to is subscribed to again after a new start.",
        "basic/patterns/subscriptions#graceful-closure",
        ("unit/upstream/test_feed.py::test_a_feed_that_ends_is_opened_again",
         "unit/upstream/test_watches.py::test_a_new_life_of_the_server_is_asked_again_and_tells_once_of_each"),
    ),
}  # fmt: skip
