"""Every MUST of revision 2026-07-28 that binds a server or an intermediary, and the tests that prove it.

The pages are those of the transport, the patterns, the server features and caching, and what they build on. A path is
below `tests/`. Each test carries the ids that it proves (`@pytest.mark.requirement`), and `test_ledger.py` compares the
two: a requirement without a test fails, and so does a test that names none. What binds clients alone is not here, but
for what the gateway owes servers as their client; nor is what only the server behind it can keep.
"""

from typing import NamedTuple

SPEC = "https://modelcontextprotocol.io/specification/2026-07-28/"
HTTP = "basic/transports/streamable-http#"

ACCESS = "integration/bad_input/test_access.py"
ASKING = "unit/relay/test_asking.py"
ANSWERS = "unit/downstream/test_response.py"
CACHING = "integration/translate/test_caching.py"
CHANGES = "integration/notify/test_changes.py"
EXCHANGE = "unit/relay/test_exchange.py"
FIDELITY = "integration/relay/test_fidelity.py"
HINTS = "unit/relay/test_hints.py"
JSON = "integration/bad_input/test_json.py"
KEEPING = "unit/upstream/test_keeping.py"
LIFETIMES = "integration/relay/test_lifetimes.py"
LISTS = "integration/relay/test_lists.py"
LOGS = "integration/telling/test_logs.py"
MESSAGES = "integration/bad_input/test_messages.py"
MIRRORED = "integration/translate/test_mirrored.py"
MODERN = "unit/relay/test_downstream_modern.py"
PASSING = "integration/translate/test_passing.py"
PATHS = "integration/bad_input/test_paths.py"
QUESTIONS = "integration/relay/test_questions.py"
RESOURCES = "integration/telling/test_resources.py"
RIGHTS = "integration/relay/test_rights.py"
SESSIONS = "integration/relay/test_sessions.py"
STATES = "unit/relay/test_continuation.py"
STREAMS = "unit/downstream/test_streams.py"
TASKS = "integration/translate/test_tasks.py"
WORDS = "integration/translate/test_words.py"
PARAMS = "unit/protocol/test_mirrored.py"


class Requirement(NamedTuple):
    """What is required, where the specification says so (below `SPEC`), and the tests that prove it."""

    text: str
    where: str
    proofs: tuple[str, ...]


LEDGER: dict[str, Requirement] = {
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
         f"{MESSAGES}::test_an_unknown_revision_in_the_header_alone_is_told_the_same"),
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
    # Messages
    "messages.utf8": Requirement(
        "Messages are UTF-8.", "basic/transports#messages",
        (f"{JSON}::test_bytes_that_are_not_utf8_are_a_parse_error",),
    ),
    "messages.delivered": Requirement(
        "Requests and notifications of clients reach the server, answers and notifications reach the client.",
        "basic/transports#messages",
        (f"{PASSING}::test_a_method_of_no_revision_reaches_the_server_that_is_asked_by_name",
         f"{PASSING}::test_a_notification_of_no_revision_reaches_the_server_that_is_told_by_name"),
    ),
    "messages.id": Requirement(
        "Answers, errors included, have the id of their request.", "basic#result-responses",
        (f"{JSON}::test_an_id_comes_back_equal_to_the_one_sent", f"{FIDELITY}::test_the_id_comes_back_as_it_was_sent"),
    ),
    "messages.null_id": Requirement(
        "An id is a string or an integer, never null.", "basic#requests",
        (f"{JSON}::test_an_id_that_is_no_text_and_no_number_is_an_invalid_request",),
    ),
    "messages.result_type": Requirement(
        "Every result has a resultType.", "basic#resulttype",
        (f"{FIDELITY}::test_a_modern_client_gets_what_its_revision_requires_of_a_result",
         f"{MODERN}::test_a_legacy_servers_result_is_marked_complete_and_keeps_all_it_has"),
    ),
    "messages.meta": Requirement(
        "A request without a required member of _meta is −32602, HTTP 400.", "basic#_meta",
        (f"{MESSAGES}::test_an_incomplete_envelope_is_refused_as_invalid_params",),
    ),
    "messages.stateless": Requirement(
        "No request relies on one before it on the same connection.", "basic#statelessness",
        (f"{SESSIONS}::test_a_modern_request_ignores_a_session_id",),
    ),
    "capability.undeclared": Requirement(
        "A capability that a request needs and its client did not declare is −32021, HTTP 400.", "basic#_meta",
        (f"{WORDS}::test_a_capability_that_is_lacking_is_an_error_with_its_status_or_a_failed_call_that_names_it",
         f"{TASKS}::test_requests_about_tasks_need_the_extension_and_a_server_that_has_it",
         f"{TASKS}::test_to_hear_of_tasks_takes_the_extension_and_texts"),
    ),
    "codes.integers": Requirement(
        "Codes are integers; an error has a code and a message.", "basic#error-responses",
        (f"{MODERN}::test_a_code_that_means_nothing_in_this_revision_is_an_internal_error_that_keeps_what_it_was",
         f"{MODERN}::test_an_error_without_code_or_message_is_given_them",
         f"{WORDS}::test_a_code_without_a_meaning_is_an_internal_error_to_a_modern_client"),
    ),
    "codes.undefined": Requirement(
        "No code from −32020 to −32099 that the specification does not define; none is given a meaning of ours.",
        "basic#error-codes",
        (f"{MODERN}::test_a_code_that_means_nothing_in_this_revision_is_an_internal_error_that_keeps_what_it_was",
         f"{WORDS}::test_a_code_without_a_meaning_is_an_internal_error_to_a_modern_client"),
    ),
    "codes.retired": Requirement(
        "−32002 and −32042 are not emitted.", "basic#error-codes",
        (f"{MODERN}::test_a_resource_that_is_not_found_is_a_wrong_param_in_this_revision",
         f"{WORDS}::test_a_resource_that_is_not_there_is_a_wrong_param_with_its_uri_to_a_modern_client",
         f"{MODERN}::test_a_code_that_means_nothing_in_this_revision_is_an_internal_error_that_keeps_what_it_was"),
    ),
    # Patterns
    "cancel.teardown": Requirement(
        "A subscription that the server ends is told so: over HTTP with its result, as its own page has it.",
        "basic/patterns/cancellation",
        ("integration/notify/test_streams.py::test_a_stop_ends_every_stream_in_good_order_within_half_a_second",),
    ),
    "cancel.purpose": Requirement(
        "A server sends notifications/cancelled for no other purpose than to end a subscription.",
        "basic/patterns/cancellation",
        (f"{PASSING}::test_what_a_server_tells_the_gateway_reaches_no_client",),
    ),
    "cancel.races": Requirement(
        "A cancellation that comes late is borne.", "basic/patterns/cancellation#timing-considerations",
        ("unit/relay/test_exchange.py::test_after_the_end_nothing_follows_from_anything",),
    ),
    "ask.methods": Requirement(
        "Only tools/call, prompts/get and resources/read are answered by a question.",
        "basic/patterns/mrtr#supported-requests",
        (f"{EXCHANGE}::test_a_question_of_an_answered_call_that_nobody_can_be_asked_is_a_fault",
         f"{QUESTIONS}::test_prompts_and_resources_ask_as_tools_do"),
    ),
    "ask.state": Requirement(
        "A state that comes back is an attacker's until its integrity is proven; else it is refused.",
        "basic/patterns/mrtr#server-requirements-basic-workflow",
        (f"{STATES}::test_what_is_no_state_of_ours_is_refused",
         f"{STATES}::test_a_state_for_another_request_is_refused",
         f"{QUESTIONS}::test_a_state_is_good_for_its_own_client_server_and_arguments_alone"),
    ),
    "ask.something": Requirement(
        "A question has inputRequests or a requestState.", "basic/patterns/mrtr#server-requirements-basic-workflow",
        (f"{STATES}::test_each_question_has_another_state_also_where_the_server_repeats_its_own",),
    ),
    "ask.declared": Requirement(
        "No client is asked for what it did not declare.", "basic/patterns/mrtr#server-requirements-basic-workflow",
        (f"{QUESTIONS}::test_a_server_hears_what_the_client_of_the_very_request_can_do",
         f"{ASKING}::test_a_client_that_lacks_a_capability_is_told_which"),
    ),
    "ask.unanswered": Requirement(
        "A question may stay without an answer.", "basic/patterns/mrtr#server-requirements-basic-workflow",
        (f"{STATES}::test_a_state_is_good_until_it_expires_and_not_after",
         f"{EXCHANGE}::test_a_parked_client_that_never_comes_back_costs_nothing_after_its_time"),
    ),
    "progress.tokens": Requirement(
        "Progress names a token that its own client gave, a string or an integer.", "basic/patterns/progress",
        (f"{PASSING}::test_progress_rises_under_the_clients_own_token_and_ends_with_the_answer",
         f"{MESSAGES}::test_a_progress_token_that_is_no_text_and_no_number_is_refused"),
    ),
    "progress.rises": Requirement(
        "The value of progress rises with each notification.", "basic/patterns/progress#progress-flow",
        (f"{PASSING}::test_progress_rises_under_the_clients_own_token_and_ends_with_the_answer",),
    ),
    "progress.stops": Requirement(
        "Progress stops with the answer.", "basic/patterns/progress#implementation-notes",
        (f"{PASSING}::test_progress_rises_under_the_clients_own_token_and_ends_with_the_answer",),
    ),
    "listen.filter": Requirement(
        "No notification that was not asked for.", "basic/patterns/subscriptions#opening-a-stream",
        (f"{CHANGES}::test_what_was_not_asked_for_is_not_told",),
    ),
    "listen.resources": Requirement(
        "Only the resources that were asked for are told of.", "basic/patterns/subscriptions#notification-filter",
        (f"{RESOURCES}::test_whoever_wants_to_hear_of_a_resource_hears_of_it_and_of_no_other",),
    ),
    "listen.acknowledged": Requirement(
        "The acknowledgement is the first message and names the subscription.",
        "basic/patterns/subscriptions#acknowledgment",
        (f"{STREAMS}::test_a_subscription_is_acknowledged_first_and_every_message_names_it",),
    ),
    "listen.named": Requirement(
        "Every message of a subscription carries its id.", "basic/patterns/subscriptions#receiving-notifications",
        (f"{STREAMS}::test_a_subscription_is_acknowledged_first_and_every_message_names_it",
         "unit/relay/test_listen.py::test_every_message_names_its_subscription_by_the_id_as_it_was_sent"),
    ),
    # Server features
    "discover.there": Requirement(
        "server/discover is implemented.", "server/discover",
        (f"{LISTS}::test_discover_tells_what_this_client_can_use",
         "unit/downstream/test_answers.py::test_discover_tells_what_its_revision_requires"),
    ),
    "features.declared": Requirement(
        "Tools, prompts, resources and completions are declared where they are offered.", "server/tools#capabilities",
        ("unit/relay/test_view.py::test_capabilities_are_those_of_visible_servers_that_are_relayed",
         f"{LISTS}::test_a_client_is_offered_what_its_servers_have_and_a_session_what_they_may_come_to_have"),
    ),
    "lists.answered": Requirement(
        "Who declares a capability answers its list.", "server/tools#capabilities",
        (f"{LISTS}::test_all_pages_of_a_server_are_one_list",),
    ),
    "lists.steady": Requirement(
        "A list does not vary with the connection or with requests before.", "server/tools#capabilities",
        (f"{LISTS}::test_a_list_is_the_same_bytes_every_time",),
    ),
    "resources.not_found": Requirement(
        "A resource that is not there is an error, and no empty contents.", "server/resources#error-handling",
        (f"{MODERN}::test_a_resource_that_is_not_found_is_a_wrong_param_in_this_revision",
         f"{WORDS}::test_a_resource_that_is_not_there_is_a_wrong_param_with_its_uri_to_a_modern_client"),
    ),
    "access.tools": Requirement(
        "Tools, prompts and resources are under access control, and inputs are validated.",
        "server/tools#security-considerations",
        (f"{RIGHTS}::test_a_tool_answers_exactly_where_it_is_listed",
         f"{RIGHTS}::test_prompts_answer_exactly_where_they_are_listed",
         f"{RIGHTS}::test_resources_answer_exactly_where_they_are_listed"),
    ),
    "access.completions": Requirement(
        "Completions disclose nothing that their client may not see.", "server/utilities/completion#security",
        (f"{RIGHTS}::test_completion_follows_the_same_rule",),
    ),
    "logging.asked": Requirement(
        "No log message for a request that does not ask for any.", "server/utilities/logging#per-request-log-level",
        (f"{PASSING}::test_a_modern_client_that_asks_for_no_log_messages_gets_none",
         f"{LOGS}::test_a_modern_request_hears_from_the_level_it_names_and_nothing_without"),
    ),
    "logging.place": Requirement(
        "A log message is on the stream of the request that asked for it, and nowhere else.",
        "server/utilities/logging#per-request-log-level",
        (f"{LOGS}::test_each_of_many_at_once_hears_of_its_own_call_from_its_own_level",
         f"{LOGS}::test_what_a_shared_server_logs_without_saying_for_whom_is_shown_to_nobody"),
    ),
    # Caching
    "cache.hints": Requirement(
        "Complete results of discover, the lists and resources/read have hints.",
        "server/utilities/caching#cacheable-results",
        (f"{CACHING}::test_the_hints_of_a_modern_server_reach_modern_clients_and_no_others",
         f"{CACHING}::test_a_resource_comes_with_its_servers_hints_or_with_careful_ones",
         f"{LISTS}::test_a_modern_list_says_how_long_it_is_good_and_for_whom"),
    ),
    "cache.ttl": Requirement(
        "ttlMs is there and not negative.", "server/utilities/caching#time-to-live-ttl-field",
        (f"{CACHING}::test_the_hints_of_a_modern_server_reach_modern_clients_and_no_others",
         f"{HINTS}::test_what_a_server_says_is_read_and_nonsense_is_the_careful_value"),
    ),
    "cache.kept": Requirement(
        "Nothing that was kept for other parameters, or that depended on answers to questions, is served.",
        "server/utilities/caching#cache-key",
        (f"{CACHING}::test_a_resource_is_asked_of_its_server_each_time",),
    ),
    "cache.shared": Requirement(
        "What is kept for one authorization context is not served to another.",
        "server/utilities/caching#cache-scope-field",
        (f"{CACHING}::test_where_keys_have_different_rights_nothing_is_said_to_be_for_everybody",),
    ),
    "cache.polling": Requirement(
        "Whoever polls for lists that have aged does so with jitter and backs off.",
        "server/utilities/caching#freshness-calculation",
        (f"{KEEPING}::test_listings_that_fail_again_and_again_are_repeated_less_and_less_often",),
    ),
    "cache.pages": Requirement(
        "All pages of a list have one scope.", "server/utilities/caching#interaction-with-pagination",
        (f"{HINTS}::test_of_several_the_shortest_life_counts_and_one_private_part_makes_all_private",),
    ),
    "cache.access": Requirement(
        "Access is controlled whatever a scope says.", "server/utilities/caching#security-considerations",
        (f"{CACHING}::test_where_keys_have_different_rights_nothing_is_said_to_be_for_everybody",
         f"{RIGHTS}::test_a_hidden_resource_and_a_missing_one_look_the_same"),
    ),
}  # fmt: skip
