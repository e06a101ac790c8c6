"""Which test proves what is promised of each fault (RELIABILITY.md, table 2b) of a server, the config or the machine.

A path below `tests/` and the name of a test; several where the promise has several numbers. `test_ledger.py` sees to it
that every fault is here and every test exists. Promises below a second (F01: 100 ms, F02: 5 ms, F08: +20 %, F09 and
F46: 50 ms) are measured by `figures.py`: tests assert them to a second, where a busy machine cannot make them fail.
"""

STDIO = "integration/faults/test_f01_to_f19_stdio.py"
CONFIG = "integration/faults/test_f26_to_f40_config.py"
MOUNTS = "integration/faults/test_f33_to_f35_mounts.py"
REMOTE = "integration/faults/test_f41_to_f49_remote.py"
MACHINE = "integration/faults/test_f50_f51_machine.py"
LIVES = "integration/upstream/test_stdio_lives.py"
MISDEEDS = "integration/upstream/test_stdio_faults.py"
SUPERVISION = "integration/upstream/test_supervision.py"
STOP = "integration/process/test_stop.py"
STOPS = "integration/process/test_stop_serving.py"

_DEATH = f"{STDIO}::test_f01_f17_calls_of_a_dead_server_fail_at_once_and_say_why_and_nobody_else_notices"
_START = f"{STDIO}::test_f03_f18_who_hangs_or_cannot_start_is_named_and_neither_the_start_nor_anybody_waits"
_DEAF = f"{MOUNTS}::test_f35_f40_without_inotify_edits_are_found_within_5_s_and_a_revoked_key_is_refused_within_2"

PROOFS: dict[str, tuple[str, ...]] = {
    "F01": (_DEATH, f"{SUPERVISION}::test_a_call_lost_with_its_server_is_repeated_where_it_only_reads"),
    "F02": (
        f"{STDIO}::test_f02_a_crash_loop_is_five_starts_further_and_further_apart_and_then_calls_fail_within_5_ms",
        f"{SUPERVISION}::test_a_failed_server_that_was_repaired_serves_after_the_next_probe",
        "unit/upstream/test_backoff.py::test_delays_double_up_to_half_a_minute",
        "unit/upstream/test_backoff.py::test_jitter_adds_up_to_a_quarter",
        "unit/upstream/test_backoff.py::test_ten_seconds_of_health_forget_the_failures",
    ),
    "F03": (_START, f"{LIVES}::test_a_server_that_hangs_in_its_handshake_fails_at_its_timeout_and_delays_nobody"),
    "F04": (
        f"{LIVES}::test_a_probe_that_is_not_answered_costs_three_seconds_and_falls_back",
        f"{LIVES}::test_a_server_that_exits_on_the_probe_is_started_again_at_once_and_the_verdict_is_kept",
    ),
    "F05": (
        f"{STDIO}::test_f05_a_call_without_an_answer_ends_at_its_deadline_and_what_comes_late_goes_nowhere",
        "unit/gateway/test_driver.py::test_silence_beyond_the_limit_cancels_and_is_a_timeout",
    ),
    "F07": (f"{MISDEEDS}::test_invalid_utf8_spoils_its_character_and_nothing_else",),
    "F08": (
        f"{STDIO}::test_f08_100_mb_on_stderr_are_logged_within_a_budget_and_no_other_call_waits_for_them",
        f"{MISDEEDS}::test_a_hundred_megabytes_on_stderr_are_taken_and_logged_within_a_budget",
    ),
    "F09": (
        f"{STDIO}::test_f09_a_line_too_long_never_holds_the_loop_and_costs_no_more_than_twice_the_limit",
        f"{MISDEEDS}::test_a_line_over_the_limit_is_skipped_and_the_calls_in_flight_are_told",
        f"{MISDEEDS}::test_a_line_without_an_end_ends_the_server",
    ),
    "F13": (f"{LIVES}::test_twenty_stubborn_servers_and_their_grandchildren_are_gone_within_five_seconds",),
    "F14": (
        f"{LIVES}::test_what_a_child_leaves_behind_is_gone_one_second_after_its_stop",
        f"{LIVES}::test_what_a_crashed_child_leaves_behind_is_found_at_once_also_beside_an_older_one",
    ),
    "F15": (f"{STDIO}::test_f15_a_hundred_restarts_leave_no_zombie_no_descriptor_no_thread_and_no_task",),
    "F17": (_DEATH, f"{MISDEEDS}::test_what_memory_pressure_does_is_named_so"),
    "F18": (_START, f"{LIVES}::test_a_server_that_cannot_start_is_named_with_the_reason_and_hurts_nobody"),
    "F19": (
        f"{STDIO}::test_f19_a_child_gets_nothing_of_the_gateways_own",
        f"{MISDEEDS}::test_a_child_inherits_three_descriptors_and_the_allowed_environment",
    ),
    "F20": (f"{STOP}::test_an_idle_keep_alive_connection_delays_the_stop_by_less_than_two_seconds",),
    "F21": (f"{STOPS}::test_a_stop_answers_the_call_in_flight_ends_the_stream_and_leaves_nobody",),
    "F22": (
        f"{STDIO}::test_f22_a_killed_worker_takes_its_children_along_within_1_s_and_calls_are_answered_within_2",
        f"{LIVES}::test_a_child_does_not_outlive_us_however_we_die",
    ),
    "F23": (
        f"{STOPS}::test_a_killed_worker_or_arbiter_is_replaced_and_serves_again",
        "integration/process/test_kill.py::test_a_killed_worker_or_arbiter_is_replaced_and_its_children_and_theirs_are_gone",
    ),
    "F26": (f"{CONFIG}::test_f26_a_hangup_signal_under_load_fails_no_call",),
    "F30": (f"{CONFIG}::test_f30_a_file_written_in_pieces_is_taken_once_it_is_whole_and_no_call_fails",),
    "F31": (f"{CONFIG}::test_f31_what_does_not_validate_is_refused_whole_and_named_where_one_looks",),
    "F32": (f"{CONFIG}::test_f32_five_edits_by_rename_are_five_edits_taken",),
    "F33": (f"{MOUNTS}::test_f33_two_swaps_of_a_config_map_are_two_edits_taken",),
    "F34": (f"{MOUNTS}::test_f34_a_mounted_file_that_was_replaced_outside_is_said_loudly_within_5_s",),
    "F35": (_DEAF,),
    "F36": (
        f"{CONFIG}::test_f36_a_removed_server_answers_its_calls_takes_no_new_ones_and_its_clients_hear_once",
        "unit/gateway/test_reload.py::test_calls_that_outlast_their_server_are_told",
    ),
    "F37": (f"{CONFIG}::test_f37_processes_and_sessions_of_servers_that_were_not_edited_stay",),
    "F38": (f"{CONFIG}::test_f38_fifty_edits_in_five_seconds_are_ten_reloads_at_most_and_the_last_one_counts",),
    "F39": (f"{CONFIG}::test_f39_what_changes_nothing_reloads_nothing",),
    "F40": (
        f"{CONFIG}::test_f40_a_revoked_key_is_refused_within_2_s_and_its_streams_are_closed_within_5",
        _DEAF,
    ),
    "F41": (f"{REMOTE}::test_f41_refused_credentials_park_their_server_and_never_look_like_the_clients_own",),
    "F43": (
        f"{REMOTE}::test_f43_a_server_that_asks_for_time_is_given_it",
        "unit/gateway/test_driver.py::test_a_lost_call_is_sent_once_more_where_that_does_nothing_twice",
        "unit/upstream/test_http_faults.py::test_retry_after_is_seconds_or_a_date_and_bounded",
    ),
    "F44": (f"{REMOTE}::test_f44_silence_and_a_trickle_end_at_the_deadline_and_progress_at_the_hard_one",),
    "F45": (
        f"{REMOTE}::test_f45_a_connection_into_nothing_is_found_by_the_deadline_and_later_calls_are_served",
        f"{REMOTE}::test_f45_a_connection_into_nothing_is_found_by_health_checks_and_the_session_is_opened_anew",
    ),
    "F46": (
        f"{REMOTE}::test_f46_a_name_that_does_not_resolve_is_an_error_within_5_s_and_blocks_nobody",
        f"{REMOTE}::test_f46_a_server_that_moved_is_found_at_its_new_address",
    ),
    "F47": (f"{REMOTE}::test_f47_a_certificate_that_proves_nothing_is_never_spoken_to_and_named_in_the_status",),
    "F49": (
        f"{REMOTE}::test_f49_a_redirect_is_not_followed_and_credentials_go_nowhere_else",
        "unit/upstream/test_streamable_http.py::test_a_redirect_is_not_followed_and_credentials_stay",
    ),
    "F50": (
        f"{MACHINE}::test_f50_with_a_full_disk_requests_are_served_and_the_lines_that_were_lost_are_counted",
        "unit/serve/test_logs.py::test_lines_that_could_not_be_written_are_counted_and_a_torn_one_is_ended",
    ),
    "F51": (
        f"{MACHINE}::test_f51_without_descriptors_new_ones_are_told_503_old_ones_live_and_all_recovers",
        f"{MACHINE}::test_f51_a_worker_without_any_descriptor_names_the_want_spins_in_no_circle_and_recovers",
        "unit/serve/test_room.py::test_of_256_descriptors_a_quarter_is_spared",
    ),
    "F56": (
        f"{MACHINE}::test_f56_requests_wait_for_nobody_who_does_not_read_the_log_and_the_lost_lines_are_counted",
        "unit/serve/test_logs.py::test_a_reader_that_stands_still_is_not_waited_for_and_hears_what_it_missed",
    ),
}  # fmt: skip

ELSEWHERE = {
    "F24": "the stop of a container",
    "F25": "a loop that is blocked: gunicorn's arbiter and the orphans it leaves",
    "F27": "a reload of nginx",
    "F28": "an app that is down behind nginx",
    "F29": "a worker that is replaced after so many requests, which ours is not",
}
"""What concerns none of them."""

NO_FAULTS = frozenset({"F06", "F10", "F11", "F12", "F16", "F42", "F48"})
"""Numbers that the table leaves out."""
