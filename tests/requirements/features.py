"""What servers offer, and caching."""

from tests.requirements.requirement import Requirement

CACHING = "integration/translate/test_caching.py"
HINTS = "unit/relay/test_hints.py"
KEEPING = "unit/upstream/test_keeping.py"
LISTS = "integration/relay/test_lists.py"
LOGS = "integration/telling/test_logs.py"
MODERN = "unit/relay/test_downstream_modern.py"
PASSING = "integration/translate/test_passing.py"
RIGHTS = "integration/relay/test_rights.py"
WORDS = "integration/translate/test_words.py"

FEATURES: dict[str, Requirement] = {
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
    "access.rates": Requirement(
        "Calls are limited in number.", "server/tools#security-considerations",
        ("integration/nginx/test_limits.py::test_a_key_is_limited_from_wherever_it_comes_and_the_others_are_not",),
    ),
    "logging.declared": Requirement(
        "Logging is declared.", "server/utilities/logging#capabilities",
        (f"{LOGS}::test_a_modern_request_hears_from_the_level_it_names_and_nothing_without",),
    ),
    "pages.opaque": Requirement(
        "As a client: a list is drained by whatever cursors there are, an empty one included.",
        "server/utilities/pagination#implementation-guidelines",
        ("unit/upstream/test_listing.py::test_pages_are_followed_by_any_cursor_and_members_stay_as_written",
         "integration/translate/test_pairs.py::test_all_pages_of_a_server_are_one_list"),
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
