"""Which test proves what is promised of each bad input (RELIABILITY.md, table 2a) that concerns the edge or access.

A path below `tests/` and the name of a test. `test_ledger.py` sees to it that every row is here and every test exists.
"""

HERE = "integration/nginx"
MALFORMED = f"{HERE}/test_malformed.py"
LIMITS = f"{HERE}/test_limits.py"
ACCESS = "integration/bad_input/test_access.py"
MEDIA = "integration/bad_input/test_media.py"
PATHS = "integration/bad_input/test_paths.py"

_REFUSED = f"{MALFORMED}::test_b01_to_b13_what_is_no_request_is_refused_once_and_the_next_one_is_served"
_SLOW = f"{HERE}/test_slow.py::test_b16_a_body_that_stalls_or_drips_is_cut_off_while_others_are_served"
_NOTHING_BESIDE = (
    f"{HERE}/test_prefix.py::test_b56_what_is_not_below_the_prefix_is_one_404_whose_bytes_are_those_of_any_gateway"
)
_STRANGERS = f"{LIMITS}::test_strangers_are_limited_wherever_they_go_but_for_preflights_and_health"
_CUT_OUT = "unit/serve/test_supervisor.py::test_it_serves_is_stopped_in_order_and_shows_neither_prefix_nor_query"
_BACK = (
    "integration/process/test_kill.py::test_a_killed_worker_or_arbiter_is_replaced_and_its_children_and_theirs_are_gone"
)
_NO_DIRECTIVE = "unit/edge/test_render.py::test_no_input_gives_a_directive_that_the_templates_have_not"
_TO_THE_BOUND = f"{HERE}/test_reload.py::test_a_stream_lives_through_a_reload_to_the_bound_and_no_event_is_late"
_AS_SENT = f"{HERE}/test_edge.py::test_headers_arrive_as_they_were_sent_and_the_peer_is_ours_to_say"
_ONE_LINE = f"{HERE}/test_access_log.py::test_b59_whatever_bytes_come_in_a_line_is_one_object"

PROOFS: dict[str, tuple[str, ...]] = {
    "B01": (_REFUSED,),
    "B02": (_REFUSED,),
    "B03": (_REFUSED,),
    "B04": (_REFUSED, f"{MALFORMED}::test_b04_what_stands_in_trailers_is_no_header_and_no_second_request"),
    "B06": (_REFUSED,),
    "B07": (_REFUSED,),
    "B08": (_REFUSED,),
    "B09": (_REFUSED,),
    "B10": (_REFUSED,),
    "B11": (f"{MALFORMED}::test_b11_a_host_that_is_not_ours_is_refused_where_hosts_are_named",),
    "B12": (
        f"{ACCESS}::test_a_foreign_origin_is_forbidden_before_anything_else",
        f"{ACCESS}::test_the_own_and_loopback_origins_may_call",
    ),
    "B13": (_REFUSED, f"{MALFORMED}::test_b13_http_1_0_is_served"),
    "B14": (
        f"{PATHS}::test_another_method_on_the_endpoint_is_told_which_there_are",
        f"{PATHS}::test_any_other_path_is_the_one_404",
        f"{HERE}/test_errors.py::test_trace_is_a_method_that_nobody_has",
    ),
    "B15": (f"{HERE}/test_slow.py::test_b15_headers_that_stall_or_drip_are_cut_off",),
    "B16": (_SLOW,),
    "B18": (
        f"{HERE}/test_edge.py::test_a_body_one_byte_too_large_is_refused_before_the_app_sees_it",
        f"{MEDIA}::test_a_body_over_the_limit_in_pieces_is_too_large",
    ),
    "B19": (
        f"{HERE}/test_edge.py::test_a_body_of_exactly_the_limit_arrives",
        f"{MEDIA}::test_a_body_of_exactly_the_limit_is_read",
    ),
    "B20": (f"{MEDIA}::test_a_compressed_body_is_never_inflated",),
    "B22": (f"{HERE}/test_http2.py::test_b22_a_thousand_streams_reset_at_once_leave_no_call_and_harm_nobody",),
    "B23": (f"{MALFORMED}::test_b23_a_client_that_closes_its_half_in_the_middle_of_a_call_has_left_it",),
    "B46": (
        f"{ACCESS}::test_every_wrong_key_gets_the_one_401",
        f"{ACCESS}::test_a_key_in_the_query_is_no_key",
        f"{ACCESS}::test_two_authorization_headers_are_no_key",
        f"{HERE}/test_unparsed.py::test_b46_the_pair_is_the_one_401_on_every_path_of_ours",
        f"{HERE}/test_unparsed.py::test_b46_over_http_2",
        f"{ACCESS}::test_the_scheme_is_read_liberally",
    ),
    "B47": (
        f"{ACCESS}::test_every_wrong_key_gets_the_same_401_before_the_body_is_looked_at",
        "unit/downstream/test_authenticators.py::test_no_wrong_key_takes_longer_than_another",
    ),
    "B48": (f"{LIMITS}::test_b48_a_thousand_wrong_keys_slow_down_their_address_and_nobody_with_a_key",),
    "B49": (f"{LIMITS}::test_b49_a_fresh_key_for_every_request_is_stopped_by_the_limits_of_its_address",),
    "B50": (f"{LIMITS}::test_b50_long_keys_fill_no_zone",),
    "B51": (
        "integration/relay/test_sessions.py::test_a_session_belongs_to_the_one_who_opened_it",
        "integration/relay/test_sessions.py::test_an_id_nobody_has_is_not_found_in_the_same_words",
        "unit/gateway/test_sessions.py::test_ids_name_their_shard_and_cannot_be_guessed",
    ),
    "B52": (
        "integration/relay/test_questions.py::test_a_state_is_good_for_its_own_client_server_and_arguments_alone",
        "unit/gateway/test_sealing.py::test_each_character_altered_dropped_or_added_is_refused",
    ),
    "B54": (
        f"{HERE}/test_addresses.py::test_b54_what_a_client_says_of_itself_is_overwritten_and_that_it_said_so_stays_to_be_seen",
        f"{HERE}/test_addresses.py::test_b54_a_chain_is_believed_from_trusted_proxies_alone",
        f"{HERE}/test_addresses.py::test_b54_cf_connecting_ip_is_believed_from_the_tunnels_address_alone",
    ),
    "B55": (f"{HERE}/test_addresses.py::test_b55_there_is_no_way_to_the_app_but_through_nginx",),
    "B56": (
        _NOTHING_BESIDE,
        f"{HERE}/test_prefix.py::test_b56_everything_is_below_each_of_the_prefixes",
        "unit/downstream/test_gate.py::test_any_other_path_is_the_same_404_with_a_prefix_and_without",
    ),
    "B57": (f"{HERE}/test_prefix.py::test_b57_a_near_miss_takes_as_long_as_a_far_one",),
    "B58": (f"{HERE}/test_prefix.py::test_b58_the_prefix_stands_in_no_log_no_answer_and_no_process_list",),
    "B59": (_ONE_LINE, f"{HERE}/test_access_log.py::test_b59_a_tool_of_any_name_is_one_line"),
    "B60": (f"{HERE}/test_access_log.py::test_b60_what_a_server_calls_its_tools_never_becomes_a_header",),
}  # fmt: skip

NO_ROWS = frozenset({"B05", "B17", "B21", "B53"})
"""Numbers that the table leaves out."""
TRAPS: dict[str, str] = {
    "an error page by a named location is a 500 in HTML": _REFUSED,
    "limits do nothing where something returns": _STRANGERS,
    "a prefix without its slash is a redirect": _NOTHING_BESIDE,
    "the error log quotes request lines": _CUT_OUT,
    "long headers flush a zone": f"{LIMITS}::test_b50_long_keys_fill_no_zone",
    "max_fails keeps an app away that is back": _BACK,
    "a value becomes configuration": _NO_DIRECTIVE,
    "HTTP/2 is asked for in two ways": "unit/edge/test_render.py::test_http2_is_asked_for_as_the_version_has_it",
    "a stalled body has no end": _SLOW,
    "old workers keep streams for ever": _TO_THE_BOUND,
    "a reload fails calls": f"{HERE}/test_reload.py::test_six_reloads_fail_no_call_and_repeat_none",
    "bytes of 0x80 and more pass raw into the log": _ONE_LINE,
    "an event waits in a buffer": f"{HERE}/test_edge.py::test_an_event_is_passed_on_when_it_is_written",
    "underscored headers are dropped": _AS_SENT,
    "base64 names dodge a tool's limit": f"{HERE}/test_tool_limits.py::test_names_in_another_form_are_one_tool",
    "nothing is sent while an answer in JSON is awaited": (
        f"{HERE}/test_slow_json.py::test_the_answer_follows_white_space_on_a_connection_that_goes_on"
    ),
}  # fmt: skip
"""What nginx does otherwise (RELIABILITY.md sections 0 and 4), and the test that would see it."""
