"""Messages, and the patterns they are used in."""

from tests.requirements.requirement import Requirement

ASKING = "unit/relay/test_asking.py"
CHANGES = "integration/notify/test_changes.py"
CLIENT = "integration/translate/test_as_a_client.py"
CONNECTION = "unit/upstream/test_connection.py"
EXCHANGE = "unit/relay/test_exchange.py"
FIDELITY = "integration/relay/test_fidelity.py"
JSON = "integration/bad_input/test_json.py"
MESSAGES = "integration/bad_input/test_messages.py"
MODERN = "unit/relay/test_downstream_modern.py"
PARKED = "integration/questions/test_calls_wait.py"
PASSING = "integration/translate/test_passing.py"
QUESTIONS = "integration/relay/test_questions.py"
RESOURCES = "integration/telling/test_resources.py"
ROUNDS = "integration/questions/test_rounds.py"
SESSIONS = "integration/relay/test_sessions.py"
STATES = "unit/relay/test_continuation.py"
STREAMS = "unit/downstream/test_streams.py"
TASKS = "integration/translate/test_tasks.py"
WORDS = "integration/translate/test_words.py"

PATTERNS: dict[str, Requirement] = {
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
    "messages.jsonrpc": Requirement(
        "Messages are those of JSON-RPC 2.0.", "basic#messages",
        (f"{JSON}::test_another_jsonrpc_is_an_invalid_request",
         f"{CONNECTION}::test_what_goes_out_is_one_json_document"),
    ),
    "messages.own_ids": Requirement(
        "As a client: no two requests under way have one id, nor has a retry that of its first.", "basic#requests",
        (f"{CONNECTION}::test_ids_rise_and_answers_find_their_requests_in_any_order",),
    ),
    "messages.unknown_type": Requirement(
        "A result of an unknown type is no answer: it passes to clients that may know it, and to no others.",
        "basic#resulttype",
        (f"{CLIENT}::test_an_answer_of_a_type_of_its_own_is_for_clients_who_may_know_it",
         "unit/relay/test_downstream_legacy.py::test_a_result_of_a_kind_of_its_own_is_no_answer_in_this_era"),
    ),
    "messages.absent_type": Requirement(
        "As a client: a result without a type is a complete one.", "basic#resulttype",
        ("unit/relay/test_downstream_legacy.py::test_a_result_that_lacks_its_kind_is_an_answer",
         f"{MODERN}::test_a_result_of_a_modern_server_that_lacks_its_type_is_given_it_and_no_wider_scope"),
    ),
    "meta.sent": Requirement(
        "As a client: what is required in _meta is in every request.", "basic#_meta",
        (f"{CLIENT}::test_each_message_is_a_post_with_the_headers_and_the_envelope_of_its_revision",
         "integration/upstream/test_stdio_lives.py::test_a_server_that_refuses_initialize_runs_modern_and_is_told_so_in_every_request",
         "unit/relay/test_upstream_modern.py::test_every_request_says_its_version_and_declares_what_it_was_given_and_not_what_is_in_the_meta"),
    ),
    "meta.passed": Requirement(
        "What is in _meta passes, and nothing is assumed of it.", "basic#_meta",
        (f"{FIDELITY}::test_meta_of_the_client_reaches_the_server_and_the_envelope_of_the_era_does_not",
         f"{PASSING}::test_what_traces_a_request_reaches_the_server"),
    ),
    "meta.names": Requirement(
        "Keys of our own in _meta have names of the form that is required.", "basic#_meta",
        ("unit/relay/test_questions.py::test_the_key_of_our_own_has_the_form_that_keys_must_have",),
    ),
    "schemas.refs": Requirement(
        "Nothing that a schema refers to is fetched.", "basic#$ref-resolution",
        (f"{CLIENT}::test_nothing_that_a_schema_refers_to_is_fetched",),
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
    "cancel.own": Requirement(
        "As a client: only what was asked and is under way is cancelled, and never the first request.",
        "basic/patterns/cancellation#behavior-requirements",
        (f"{CONNECTION}::test_ask_waits_for_its_answer_and_cancels_what_it_gives_up",
         f"{EXCHANGE}::test_after_the_end_nothing_follows_from_anything"),
    ),
    "ask.echoed": Requirement(
        "As a client: a server's state goes back byte for byte, unread, and none where there was none.",
        "basic/patterns/mrtr#client-requirements-basic-workflow",
        (f"{ROUNDS}::test_a_server_that_asks_again_and_again_gets_its_own_state_back_each_time",
         f"{ROUNDS}::test_the_sdks_client_is_asked_and_its_answer_reaches_the_server",
         f"{STATES}::test_the_server_gets_back_its_own_state_byte_for_byte",
         f"{STATES}::test_a_server_that_gave_no_state_gets_none_back_though_the_client_carries_one"),
    ),
    "ask.gathered": Requirement(
        "As a client: a request is made again with all answers, and they are for no other request.",
        "basic/patterns/mrtr#client-requirements-basic-workflow",
        (f"{ROUNDS}::test_questions_asked_at_once_are_answered_together",
         f"{ROUNDS}::test_two_people_asked_at_the_same_moment_get_their_own_question_each"),
    ),
    "ask.keys": Requirement(
        "Each question of a call has a key of its own.", "basic/patterns/mrtr#server-requirements-basic-workflow",
        (f"{PARKED}::test_questions_that_come_together_are_asked_together_under_keys_of_ours",),
    ),
    "ask.kinds": Requirement(
        "A question is an elicitation, a sampling or a list of roots.",
        "basic/patterns/mrtr#server-requirements-basic-workflow",
        ("integration/questions/test_other_questions.py::test_what_a_server_asks_in_no_words_of_any_revision_is_asked_of_nobody",),
    ),
    "ask.once": Requirement(
        "A call that waits is answered once.", "basic/patterns/mrtr#server-requirements-basic-workflow",
        (f"{PARKED}::test_a_call_is_answered_once",
         f"{PARKED}::test_two_answers_at_once_are_one"),
    ),
    "progress.minted": Requirement(
        "As a client: tokens of progress are ours, and each is that of one call.",
        "basic/patterns/progress#progress-flow",
        (f"{FIDELITY}::test_a_progress_token_is_replaced_by_one_of_our_own",
         "integration/relay/test_concurrency.py::test_two_clients_with_one_progress_token_get_their_own_progress"),
    ),
}  # fmt: skip
