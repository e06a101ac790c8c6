"""Every cell of the bridge: what becomes of each feature between a client and a server, and the tests that show it.

`docs/eras.md` has the words of this table; `test_cells.py` compares the two, and wants a test of every cell but of
those that say there is nothing to do. L is legacy, M is modern, the client's era first. A test is a node of pytest's
below `tests/`, or all of a function's; {cell}, {era} and {server} stand for those of `tests/support/pairs.py`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

CELLS = ("L-L", "M-M", "M-L", "L-M")
COLUMNS = (*CELLS, "impossible")
# What a cell says in which there is nothing to show.
NOTHING = ("–", "n/a")

CACHING = "integration/translate/test_caching.py"
CANCELLING = "integration/telling/test_cancelling.py"
CHANGES = "integration/notify/test_changes.py"
CONNECTION = "unit/upstream/test_connection.py"
ERRANDS = "integration/questions/test_addresses.py"
EXPIRING = "integration/questions/test_expiring.py"
FAULTS = "integration/faults/test_f01_to_f19_stdio.py"
LIVES = "integration/questions/test_lives.py"
LOGS = "integration/telling/test_logs.py"
MESSAGES = "integration/bad_input/test_messages.py"
MIRRORED = "integration/translate/test_mirrored.py"
OTHERS = "integration/questions/test_other_questions.py"
OWN_TASKS = "integration/tasks/test_ones_own.py"
PAIRS = "integration/translate/test_pairs.py"
PARKED = "integration/questions/test_calls_wait.py"
PASSING = "integration/translate/test_passing.py"
RELAY = "integration/relay"
RESOURCES = "integration/telling/test_resources.py"
ROUNDS = "integration/questions/test_rounds.py"
SESSIONS = "integration/questions/test_sessions_are_asked.py"
TASKS = "integration/translate/test_tasks.py"
WORDS = "integration/translate/test_words.py"
ASKED = "test_the_sdks_client_is_asked_and_its_answer_reaches_the_server"
PEOPLE = "test_two_people_asked_at_the_same_moment_get_their_own_question_each"
UNABLE = "test_a_capability_that_is_lacking_is_an_error_with_its_status_or_a_failed_call_that_names_it"
NOVEL = "of_no_revision_reaches_the_server_that_is"


class Row(NamedTuple):
    """What is said of each column, and the tests: of `every` cell of the four, and of one column alone."""

    says: tuple[str, str, str, str, str]
    every: tuple[str, ...] = ()
    own: Mapping[str, tuple[str, ...]] = MappingProxyType({})


TABLE: dict[str, Row] = {
    "initialize, discover": Row(
        ("the gateway answers; the server is initialized separately",
         "the gateway answers `server/discover`",
         "discovery made of what `initialize` told",
         "a handshake made of what discovery told, of 2025-11-25 at most",
         "–"),
        (f"{PAIRS}::test_a_client_is_greeted_by_the_gateway_with_what_the_server_told_the_gateway[{{cell}}]",),
        {"L-M": (f"{PAIRS}::test_a_handshake_is_never_answered_with_a_revision_that_has_none",)},
    ),
    "lists of tools, prompts, resources, templates": Row(
        ("merged, prefixed",
         "merged, prefixed; hints merged",
         "with `resultType`, `ttlMs`, `cacheScope`",
         "without them; an output schema of no object is left out",
         "a server is down: its kept list, and all others"),
        (f"{PAIRS}::test_a_list_is_in_the_words_of_its_reader[{{cell}}]",),
        {"L-L": (f"{RELAY}/test_lists.py::test_lists_are_in_config_order_and_then_the_servers_own[legacy]",),
         "M-M": (f"{CACHING}::test_the_hints_of_a_modern_server_reach_modern_clients_and_no_others[tools/list]",),
         "impossible": (
             f"{RELAY}/test_lifetimes.py::test_a_dead_servers_tools_stay_listed",
             f"{FAULTS}::test_f03_f18_who_hangs_or_cannot_start_is_named_and_neither_the_start_nor_anybody_waits",
         )},
    ),
    "tools/call, prompts/get, resources/read": Row(
        ("as they are, under the server's own names",
         "the same; the headers are made anew",
         "a plain call; one who can be asked has a session of its own at the server",
         "a call with its log level and progress; its questions are rounds",
         "a name nobody has: -32602 (M: 400)"),
        (f"{PAIRS}::test_tools_prompts_and_resources_reach_the_server_under_its_own_names[{{cell}}]",),
        {"M-M": (f"{MIRRORED}::test_a_server_is_sent_headers_made_from_the_body_and_none_of_the_clients",),
         "M-L": (f"{PARKED}::test_a_session_is_opened_with_exactly_what_the_request_declares",),
         "L-M": (f"{ROUNDS}::test_prompts_and_resources_ask_as_tools_do",),
         "impossible": (f"{MESSAGES}::test_an_odd_name_is_an_unknown_name_and_nothing_else",)},
    ),
    "URIs of resources": Row(
        ("kept; found by lists and templates, else asked for in order", "the same", "the same", "the same",
         "two servers have one: the first in the config"),
        (f"{PAIRS}::test_a_uri_finds_its_server_by_the_lists_or_else_by_asking_in_order[{{cell}}]",),
        {"impossible": (f"{RELAY}/test_lists.py::test_a_uri_that_two_servers_have_is_the_first_ones",)},
    ),
    "progress": Row(
        ("under the client's own token", "the same, on the call's stream", "the same", "the same",
         "after the answer: dropped"),
        tuple(f"{PASSING}::test_progress_rises_under_the_clients_own_token_and_ends_with_the_answer"
              f"[{token}-{{era}}-{{server}}]" for token in ("7", "seven")),
        {"impossible": (f"{PASSING}::test_progress_rises_under_the_clients_own_token_and_ends_with_the_answer",)},
    ),
    "log messages": Row(
        ("`setLevel` reaches every server that is called; what they log is told",
         "only where the request names a level",
         "the level is set before the call; what a session of everybody's logs for nobody is dropped",
         "each request names the session's level",
         "M without a level: none"),
        (),
        {"L-L": (f"{LOGS}::test_a_session_hears_from_the_level_it_has_set[warning-old]",
                 f"{LOGS}::test_a_server_is_asked_for_a_level_once_and_before_the_call"),
         "M-M": (f"{LOGS}::test_a_modern_request_hears_from_the_level_it_names_and_nothing_without[error-new]",),
         "M-L": (f"{LOGS}::test_a_modern_request_hears_from_the_level_it_names_and_nothing_without[error-old]",
                 f"{LOGS}::test_what_a_shared_server_logs_without_saying_for_whom_is_shown_to_nobody"),
         "L-M": (f"{LOGS}::test_a_session_hears_from_the_level_it_has_set[warning-new]",),
         "impossible": (f"{PASSING}::test_a_modern_client_that_asks_for_no_log_messages_gets_none",)},
    ),
    "cancellation": Row(
        ("`notifications/cancelled` under the server's id",
         "closing is closing",
         "closing is `notifications/cancelled`",
         "`notifications/cancelled` is closing; a hang-up is nothing",
         "`initialize` and discovery: never"),
        (f"{CANCELLING}::test_a_call_that_its_client_cancels_ends_at_the_server[{{cell}}]",),
        {"L-L": (f"{CANCELLING}::test_the_call_of_a_legacy_client_that_hangs_up_runs_on[L-L]",),
         "L-M": (f"{CANCELLING}::test_the_call_of_a_legacy_client_that_hangs_up_runs_on[L-M]",),
         "impossible": (f"{CANCELLING}::test_a_handshake_cannot_be_cancelled",
                        f"{CONNECTION}::test_ask_waits_for_its_answer_and_cancels_what_it_gives_up")},
    ),
    "list_changed": Row(
        ("on every session's stream", "from one feed to all who listen",
         "from the GET stream or stdio to all who listen",
         "from a feed to the sessions' streams", "a server that tells of none: listed again from time to time"),
        (f"{CHANGES}::test_one_change_is_told_once_however_often_it_is_announced[{{server}}-{{era}}]",),
        {"L-M": (f"{CHANGES}::test_a_legacy_client_of_the_sdk_hears_that_tools_changed[new]",),
         "M-M": (f"{CHANGES}::test_a_modern_client_of_the_sdk_hears_that_tools_changed[new]",),
         "impossible": (f"{CACHING}::test_who_listens_hears_of_a_server_that_tells_of_no_changes",)},
    ),
    "resources/subscribe": Row(
        ("asked for once for all who want", "`resourceSubscriptions` of a feed",
         "subscribed with the first who listens, unsubscribed with the last", "a feed with that URI, answered `{}`",
         "a server that tells of none: not acknowledged (M), -32601 (L)"),
        (f"{RESOURCES}::test_whoever_wants_to_hear_of_a_resource_hears_of_it_and_of_no_other[{{era}}-{{server}}]",
         f"{RESOURCES}::test_a_server_is_asked_once_for_all_who_want_and_told_when_nobody_does[{{server}}]"),
        {"impossible": (f"{RESOURCES}::test_a_server_that_tells_of_nothing_is_said_so_in_the_words_of_the_era",)},
    ),
    "sampling, elicitation, roots": Row(
        ("pushed to the client whose call it is", "passed on, the state sealed", "the call is parked",
         "rounds, at most 10",
         "M lacks the capability: -32021; L: a failed call that names it; too late, or after a restart: -32602"),
        (),
        {"L-L": tuple(f"{SESSIONS}::{test}[{server}]" for test in (ASKED, PEOPLE) for server in ("files", "remote")),
         "M-M": (f"{RELAY}/test_questions.py::{ASKED}[local-2026-07-28]",
                 f"{RELAY}/test_questions.py::test_a_state_is_good_for_its_own_client_server_and_arguments_alone"),
         "M-L": (*(f"{PARKED}::{ASKED}[{server}-2026-07-28]" for server in ("files", "remote")),
                 *(f"{PARKED}::{PEOPLE}[{server}]" for server in ("files", "remote"))),
         "L-M": (f"{ROUNDS}::{ASKED}", f"{ROUNDS}::{PEOPLE}",
                 f"{ROUNDS}::test_a_server_that_is_never_content_is_given_up_after_ten_rounds"),
         "impossible": (
             f"{PARKED}::test_who_lacks_the_capability_is_told_which_and_the_call_is_cancelled",
             f"{RELAY}/test_questions.py::test_a_legacy_client_that_a_modern_server_asks_all_the_same_is_told_so",
             f"{LIVES}::test_a_state_from_before_a_restart_is_refused",
         )},
    ),
    "elicitation of URLs": Row(
        ("to clients of 2025-11-25, who hear when it is done there", "as it is", "a push or -32042 is a question",
         "a push to clients of 2025-11-25", "older clients: declined, or a failed call that says so"),
        (),
        {"L-L": (f"{SESSIONS}::test_only_clients_of_the_last_session_revision_are_sent_to_urls[2025-11-25-True]",
                 f"{SESSIONS}::test_the_error_that_sends_a_person_to_a_url_passes_where_both_know_it",
                 f"{ERRANDS}::test_the_end_of_an_errand_is_told_to_who_was_sent_and_nobody_else_and_once"),
         "M-M": (f"{OTHERS}::test_a_modern_client_is_sent_to_a_url_in_the_words_of_its_revision[M-M]",),
         "M-L": (f"{OTHERS}::test_a_modern_client_is_sent_to_a_url_in_the_words_of_its_revision[M-L]",
                 f"{PARKED}::test_the_error_that_sends_a_person_to_a_url_is_a_question_and_the_retry_calls_anew"),
         "L-M": (f"{ROUNDS}::test_a_person_is_sent_to_a_url_under_a_name_that_the_gateway_gives",),
         "impossible": (
             f"{SESSIONS}::test_only_clients_of_the_last_session_revision_are_sent_to_urls[2025-06-18-False]",
             f"{ROUNDS}::test_a_client_that_cannot_be_asked_is_told_what_it_lacks",
         )},
    ),
    "roots/list_changed": Row(
        ("passed on", "gone: told to nobody", "n/a: folders are asked for in each call",
         "kept back: folders are asked for when needed", "–"),
        (f"{PAIRS}::test_a_change_of_folders_is_told_to_servers_that_were_told_of_them_and_to_no_modern_one[{{cell}}]",),
        {"L-L": (f"{SESSIONS}::test_a_change_of_roots_reaches_the_session_that_was_told_of_them",)},
    ),
    "completion": Row(
        ("as it is, under the server's own names", "the same", "with `resultType`", "as it is",
         "a server without it: -32601 (M: 404)"),
        (f"{PAIRS}::test_the_context_of_a_completion_reaches_the_server[{{cell}}]",),
        {"impossible": (f"{OTHERS}::test_completions_of_a_server_that_has_none_are_an_unknown_method",)},
    ),
    "ping": Row(
        ("the gateway answers both sides", "gone: 404", "the gateway answers the server's",
         "the gateway answers the client's", "–"),
        (),
        {"L-L": (f"{OTHERS}::test_a_server_that_asks_for_a_sign_of_life_gets_it_of_the_gateway[files]",
                 f"{RELAY}/test_lists.py::test_ping_is_answered_in_the_era_that_has_it"),
         "M-M": (f"{PAIRS}::test_a_ping_is_answered_in_the_era_that_has_it[M-M]",),
         "M-L": (f"{OTHERS}::test_a_server_that_asks_for_a_sign_of_life_gets_it_of_the_gateway[remote]",),
         "L-M": (f"{PAIRS}::test_a_ping_is_answered_in_the_era_that_has_it[L-M]",)},
    ),
    "tasks": Row(
        ("those of 2025-11-25, ids sealed", "those of the extension, ids sealed",
         "not offered: the gateway waits for the task of a tool that is no other way to be run",
         "not declared to the server",
         "-32021 from the server: a failed call that names tasks"),
        (),
        {"L-L": (f"{TASKS}::test_a_legacy_servers_task_is_made_asked_for_answered_and_cancelled",
                 f"{TASKS}::test_a_task_is_nobody_elses_and_its_name_can_be_made_by_nobody[legacy]",
                 f"{OWN_TASKS}::test_how_a_task_goes_on_is_told_to_its_client_alone_under_its_name"),
         "M-M": (f"{TASKS}::test_a_modern_servers_task_is_made_asked_for_answered_and_cancelled_under_one_name_of_ours",
                 f"{TASKS}::test_a_task_is_nobody_elses_and_its_name_can_be_made_by_nobody[modern]"),
         "M-L": (f"{TASKS}::test_a_client_that_did_not_ask_for_a_task_gets_none_from_a_server_of_the_other_era",
                 "integration/tasks/test_waiting.py::test_the_outcome_of_the_task_is_the_answer_to_the_call"),
         "L-M": (f"{TASKS}::test_a_client_that_did_not_ask_for_a_task_gets_none_from_a_server_of_the_other_era",),
         "impossible": (f"{WORDS}::{UNABLE}",)},
    ),
    "caching": Row(
        ("lists are kept until they change", "hints are honoured and passed on", "good for no time, private",
         "hints are honoured, and not passed on", "–"),
        (f"{PAIRS}::test_a_list_that_is_kept_costs_its_server_nothing[{{cell}}]",
         f"{PAIRS}::test_a_list_is_in_the_words_of_its_reader[{{cell}}]"),
        {"L-L": (f"{CHANGES}::test_one_change_is_told_once_however_often_it_is_announced[old-legacy]",),
         "M-M": (f"{CACHING}::test_a_list_is_kept_for_as_long_as_its_server_says_and_not_longer[M-M]",),
         "M-L": (f"{CACHING}::test_a_resource_comes_with_its_servers_hints_or_with_careful_ones",),
         "L-M": (f"{CACHING}::test_a_list_is_kept_for_as_long_as_its_server_says_and_not_longer[L-M]",)},
    ),
    "pagination": Row(
        ("all pages are one list", "the same, of one scope", "the same", "the same", "a cursor nobody gave: -32602"),
        (f"{PAIRS}::test_all_pages_of_a_server_are_one_list[{{cell}}]",),
        {"impossible": (f"{PASSING}::test_a_cursor_that_nobody_was_given_is_a_wrong_param",)},
    ),
    "batches": Row(
        ("of 2025-03-26: each member on its own, the answers together", "400", "n/a: 400", "each member on its own",
         "2025-06-18 and later: 400, -32600"),
        (),
        {"L-L": (f"{PAIRS}::test_the_requests_of_a_batch_reach_the_server_one_by_one[L-L]",),
         "M-M": (f"{PAIRS}::test_a_modern_client_sends_no_batch[M-M]",),
         "M-L": (f"{PAIRS}::test_a_modern_client_sends_no_batch[M-L]",),
         "L-M": (f"{PAIRS}::test_the_requests_of_a_batch_reach_the_server_one_by_one[L-M]",),
         "impossible": ("integration/legacy_front/test_batches.py::test_other_revisions_refuse_them",)},
    ),
    "_meta, unknown fields and messages": Row(
        ("pass", "pass", "pass, without the other era's own", "the same",
         "unknown methods: to the one server of `/servers/NAME/mcp`, else -32601"),
        (f"{PASSING}::test_a_method_{NOVEL}_asked_by_name[{{era}}-{{server}}]",
         f"{PASSING}::test_a_notification_{NOVEL}_told_by_name[{{era}}-{{server}}]",
         f"{PASSING}::test_a_notification_of_no_revision_in_the_answer_to_a_call_reaches_its_client[{{era}}-{{server}}]",
         f"{PASSING}::test_what_traces_a_request_reaches_the_server"),
        {"L-L": (f"{RELAY}/test_fidelity.py::test_arguments_and_unknown_params_reach_the_server_as_written[legacy]",),
         "impossible": (f"{PASSING}::test_a_method_{NOVEL}_asked_by_name",)},
    ),
}  # fmt: skip

BOUND = "test_a_state_is_good_for_its_own_client_and_arguments_alone_and_altered_for_nothing"
# What goes wrong while a question is open, and the tests that make it so.
INJECTED: dict[str, tuple[str, ...]] = {
    "a server dies while a call is parked, or its client is asked": (
        f"{PARKED}::test_a_server_that_dies_while_a_call_waits_is_what_its_client_comes_back_to",
        f"{SESSIONS}::test_a_server_that_dies_while_its_client_is_asked_is_a_fault",
    ),
    "a state altered in each byte, of another principal, for other arguments": (
        f"{PARKED}::{BOUND}",
        f"{RELAY}/test_questions.py::test_a_state_is_good_for_its_own_client_server_and_arguments_alone",
    ),
    "a state used again": (
        f"{PARKED}::test_a_call_is_answered_once",
        f"{PARKED}::test_what_was_not_answered_is_asked_again_and_unknown_keys_are_passed_over",
    ),
    "a state that has expired": (
        f"{EXPIRING}::test_a_parked_call_ends_at_its_server_and_its_state_is_refused",
        f"{EXPIRING}::test_a_state_of_a_modern_server_is_refused_once_it_is_too_old",
    ),
    "a state from before a restart": (f"{LIVES}::test_a_state_from_before_a_restart_is_refused",),
    "one of two questions answered": (
        f"{PARKED}::test_what_was_not_answered_is_asked_again_and_unknown_keys_are_passed_over",
        f"{ROUNDS}::test_one_of_two_answered_is_waited_for_and_answers_count_once",
    ),
    "an answer given twice": (
        f"{PARKED}::test_two_answers_at_once_are_one",
        f"{SESSIONS}::test_an_answer_counts_once_and_from_the_session_that_was_asked_alone",
    ),
    "no answer": (f"{EXPIRING}::test_a_session_that_never_answers_is_asked_no_more_and_its_call_ends",),
    "a legacy client that hangs up while asked": (
        f"{SESSIONS}::test_a_client_that_hangs_up_while_asked_has_not_cancelled_and_may_still_answer",
        f"{SESSIONS}::test_a_question_waits_for_a_client_that_lost_its_stream_and_is_told_again",
        f"{ROUNDS}::test_a_client_that_hangs_up_while_asked_may_still_answer",
    ),
    "a question in the middle of progress": (
        f"{SESSIONS}::test_an_elicitation_in_the_middle_of_progress_keeps_its_place",
        f"{PARKED}::test_progress_before_while_and_after_reaches_the_client_where_it_is",
        f"{OTHERS}::test_a_question_in_the_middle_of_progress_of_a_modern_server_keeps_its_place",
    ),
}
