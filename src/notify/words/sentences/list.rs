//! Which sentences there are, and what each of them shows, in the order in which the code gives it.

use super::Variable::{
    Cause, Component, Contact, Count, Fault, Fix, GoOn, Hit, How, Icb, Incident, Into, Length, Needs, Ods,
    Others, Place, PlaceNamed, Practice, Role, Service, Since, Subject, Time, Total, Until, What, Who, Word,
};
use super::{Entry, Sentence};

/// Each as a constant, and all of them as a list.
macro_rules! sentences {
    ($($constant:ident = $name:literal [$($shows:ident),*] $(or $empty:ident)?;)*) => {
        $(pub(in crate::notify::words) const $constant: Sentence<{ <[super::Variable]>::len(&[$($shows),*]) }> =
            Sentence { name: $name, shows: [$($shows),*] };)*

        pub(super) const ALL: &[Entry] = &[$(Entry {
            name: $name,
            shows: &[$($shows),*],
            may_be_empty: sentences!(@ $($empty)?),
        }),*];
    };
    (@) => { false };
    (@ nothing) => { true };
}

sentences! {
    SUBJECT_OF_INCIDENT = "subject.of_incident" [Subject, Incident];
    SUBJECT_OF_DIGEST = "subject.of_digest" [Subject];

    MANAGER_SUBJECT = "manager.subject" [What, PlaceNamed, Since];
    MANAGER_SUBJECT_AGAIN = "manager.subject_again" [What, PlaceNamed, Since];
    MANAGER_SUBJECT_OVER = "manager.subject_over" [Hit, PlaceNamed];
    MANAGER_SUBJECT_CORRECTION = "manager.subject_correction" [PlaceNamed];
    MANAGER_TITLE = "manager.title" [Fault, Place];
    MANAGER_TITLE_AGAIN = "manager.title_again" [Fault, Place];
    MANAGER_TITLE_OVER = "manager.title_over" [Fault, Place];
    MANAGER_TITLE_CORRECTION = "manager.title_correction" [Place];
    MANAGER_GREETING = "manager.greeting" [Icb, Place] or nothing;
    MANAGER_CLOSING = "manager.closing" [Icb, Place] or nothing;
    MANAGER_BEGAN = "manager.began" [Since, Others];
    MANAGER_GOES_ON = "manager.goes_on" [Since, Length, Others];
    MANAGER_BEGAN_AGAIN = "manager.began_again" [PlaceNamed, Since, Others];
    MANAGER_GOES_ON_AGAIN = "manager.goes_on_again" [PlaceNamed, Since, Length, Others];
    MANAGER_IS_OVER_AGAIN = "manager.is_over_again" [PlaceNamed, Since, Until, Length];
    MANAGER_IS_OVER = "manager.is_over" [Since, Until, Length];
    MANAGER_ANSWERS_HEADING = "manager.answers_heading" [];
    MANAGER_NOTHING_ANSWERS = "manager.nothing_answers" [];
    MANAGER_PARTLY_HEADING = "manager.partly_heading" [];
    MANAGER_PARTLY = "manager.partly" [Service, Needs];
    MANAGER_ANSWERS_MEANS = "manager.answers_means" [] or nothing;
    MANAGER_WHERE_HEADING = "manager.where_heading" [];
    MANAGER_OWN_LINE = "manager.own_line" [];
    MANAGER_UNHEARD = "manager.unheard" [PlaceNamed, Since];
    MANAGER_UNHEARD_WHERE = "manager.unheard_where" [];
    MANAGER_UNHEARD_LOOK_HEADING = "manager.unheard_look_heading" [];
    MANAGER_UNHEARD_SCREENS_WORK = "manager.unheard_screens_work" [Icb];
    MANAGER_UNHEARD_SCREENS_DO_NOT = "manager.unheard_screens_do_not" [];
    MANAGER_UNHEARD_CALL_HEADING = "manager.unheard_call_heading" [];
    MANAGER_UNHEARD_MEANWHILE_HEADING = "manager.unheard_meanwhile_heading" [];
    MANAGER_UNHEARD_CATCH_UP_HEADING = "manager.unheard_catch_up_heading" [];
    MANAGER_NOT_IN_YOUR_BUILDING = "manager.not_in_your_building" [];
    MANAGER_CALL_HEADING = "manager.call_heading" [];
    MANAGER_CALL = "manager.call" [Who, Contact];
    MANAGER_CALL_THE_ICB = "manager.call_the_icb" [Icb];
    MANAGER_CALL_AND_SAY = "manager.call_and_say" [Since, Practice, Ods, Fault, Incident];
    MANAGER_CALL_AND_SAY_UNHEARD = "manager.call_and_say_unheard" [Since, Practice, Ods, Incident];
    MANAGER_MEANWHILE_HEADING = "manager.meanwhile_heading" [];
    MANAGER_CHECK_YOUR_ROUTER = "manager.check_your_router" [];
    MANAGER_DEADLINES_HEADING = "manager.deadlines_heading" [];
    MANAGER_DEADLINES_PASSED_HEADING = "manager.deadlines_passed_heading" [];
    MANAGER_NEXT_HEADING = "manager.next_heading" [];
    MANAGER_ALREADY_REPORTED = "manager.already_reported" [Icb];
    MANAGER_REPORTED_AS_WELL = "manager.reported_as_well" [Icb];
    MANAGER_NEXT_LETTER = "manager.next_letter" [Time];
    MANAGER_NEXT_LETTER_AT_THE_END = "manager.next_letter_at_the_end" [];
    MANAGER_HAVE_YOU_READ_THIS = "manager.have_you_read_this" [Icb];
    MANAGER_I_HAVE_READ_THIS = "manager.i_have_read_this" [];
    MANAGER_STILL_DOWN_HEADING = "manager.still_down_heading" [];
    MANAGER_OTHER_FAULT_HEADING = "manager.other_fault_heading" [];
    MANAGER_NOW_HEADING = "manager.now_heading" [];
    MANAGER_NOW_LOG_IN_AGAIN = "manager.now_log_in_again" [];
    MANAGER_NOW_REPORT_WHAT_IS_LEFT = "manager.now_report_what_is_left" [];
    MANAGER_CATCH_UP_HEADING = "manager.catch_up_heading" [];
    MANAGER_WE_WATCH_WHETHER_IT_STAYS = "manager.we_watch_whether_it_stays" [];
    MANAGER_OTHERS_STILL_WAIT = "manager.others_still_wait" [];
    MANAGER_LAST_LETTER = "manager.last_letter" [];
    MANAGER_FALSE_ALARM = "manager.false_alarm" [Place, Fault];
    MANAGER_WORK_AS_USUAL = "manager.work_as_usual" [];
    MANAGER_REPORT_AS_ALWAYS = "manager.report_as_always" [];

    STAFF_SUBJECT = "staff.subject" [Word, What, Since, Cause];
    STAFF_TITLE = "staff.title" [Word, Cause];
    STAFF_SUBJECT_IS_BLIND = "staff.subject_is_blind" [];
    STAFF_SUBJECT_OWN_LINE = "staff.subject_own_line" [];
    STAFF_GREETING = "staff.greeting" [Icb] or nothing;
    STAFF_CLOSING = "staff.closing" [Icb] or nothing;
    STAFF_MERGED = "staff.merged" [Into];
    STAFF_LINEWATCH_IS_BLIND = "staff.linewatch_is_blind" [];
    STAFF_LINEWATCH_SEES_LESS = "staff.linewatch_sees_less" [];
    STAFF_APPROVE = "staff.approve" [Incident];
    STAFF_TOLD_FOR_A_ROLE = "staff.told_for_a_role" [Role];
    STAFF_WITHOUT_AN_ADDRESS = "staff.without_an_address" [Count, Total];

    STAFF_VERDICT_HEADING = "staff.verdict_heading" [];
    STAFF_EVIDENCE_HEADING = "staff.evidence_heading" [];
    STAFF_ALTERNATIVES_HEADING = "staff.alternatives_heading" [];
    STAFF_SERVICES_HEADING = "staff.services_heading" [];
    STAFF_SERVICES_UNHEARD_HEADING = "staff.services_unheard_heading" [];
    STAFF_CALL = "staff.call" [Practice, Who, Contact];
    STAFF_PRACTICES_HEADING = "staff.practices_heading" [Count];
    STAFF_REFUSED_HEADING = "staff.refused_heading" [];
    STAFF_CHANGES_HEADING = "staff.changes_heading" [Time];
    STAFF_STEPS_HEADING = "staff.steps_heading" [];

    ROW_CAUSE = "row.cause" [];
    ROW_PROBABILITY = "row.probability" [];
    ROW_SEVERITY = "row.severity" [];
    ROW_OWNER = "row.owner" [];
    ROW_NETWORK = "row.network" [];
    ROW_SIGNATURE = "row.signature" [];
    ROW_SINCE = "row.since" [];
    ROW_UNTIL = "row.until" [];
    ROW_SAID_AT = "row.said_at" [];
    ROW_PATIENTS = "row.patients" [];
    ROW_LASTED = "row.lasted" [];
    ROW_BEHIND_THE_CAUSE = "row.behind_the_cause" [];
    ROW_ELSEWHERE = "row.elsewhere" [];
    ROW_CAUSE_BEFORE = "row.cause_before" [];
    ROW_SIGNATURE_BEFORE = "row.signature_before" [];
    ROW_NETWORK_BEFORE = "row.network_before" [];
    ROW_PRACTICES_BACK = "row.practices_back" [];
    ROW_PRACTICES_NEWLY_AFFECTED = "row.practices_newly_affected" [];
    ROW_SERVICES_BACK = "row.services_back" [];
    ROW_SERVICES_NEWLY_AFFECTED = "row.services_newly_affected" [];
    ROW_OUR_REFERENCE = "row.our_reference" [];
    ROW_COMPONENT = "row.component" [];
    ROW_SYMPTOM = "row.symptom" [];

    FIX_HEADING = "fix.heading" [];
    FIX_DONE = "fix.done" [Who, Fix];
    FIX_DONE_AND_SAID_LATER = "fix.done_and_said_later" [Who, Fix, Time];

    HANDS_ONE_HAS_IT = "hands.one_has_it" [Who, Time];
    HANDS_SEVERAL_HAVE_IT = "hands.several_have_it" [Who];
    HANDS_NOBODY_HAS_IT = "hands.nobody_has_it" [];
    HANDS_NOBODY_OF_THE_ICB_HAS_IT = "hands.nobody_of_the_icb_has_it" [Icb];
    HANDS_OTHERS_ARE_TOLD_AT = "hands.others_are_told_at" [Time];
    HANDS_SAY_SO = "hands.say_so" [];
    HANDS_SAY_SO_AS_WELL = "hands.say_so_as_well" [];
    HANDS_SAY_SO_BY_COMMAND = "hands.say_so_by_command" [Incident];
    HANDS_SAY_SO_BY_COMMAND_AS_WELL = "hands.say_so_by_command_as_well" [Incident];
    HANDS_NO_LINK_IN_AN_EXERCISE = "hands.no_link_in_an_exercise" [];
    HANDS_I_HAVE_IT = "hands.i_have_it" [];

    ESCALATION_WHY_YOU = "escalation.why_you" [Icb, Since, Length];
    ESCALATION_WHY_YOU_WHEN_STAFF_WERE_NOT_TOLD = "escalation.why_you_when_staff_were_not_told" [Icb];
    ESCALATION_SOMEBODY_HAS_IT = "escalation.somebody_has_it" [];
    ESCALATION_TOLD_HEADING = "escalation.told_heading" [];
    ESCALATION_TODO_HEADING = "escalation.todo_heading" [];
    ESCALATION_ASK_THOSE_WHO_WERE_TOLD = "escalation.ask_those_who_were_told" [];
    ESCALATION_TAKE_IT_ON = "escalation.take_it_on" [];
    ESCALATION_CALL_THE_OWNER_AND_TAKE_IT_ON = "escalation.call_the_owner_and_take_it_on" [];
    ESCALATION_SAY_THAT_YOU_HAVE_IT = "escalation.say_that_you_have_it" [];
    ESCALATION_NEXT_ARE_TOLD_AT = "escalation.next_are_told_at" [Time];

    PCN_SUBJECT = "pcn.subject" [What, PlaceNamed, Since];
    PCN_SUBJECT_CHANGED = "pcn.subject_changed" [What, PlaceNamed, Since];
    PCN_SUBJECT_OVER = "pcn.subject_over" [What, PlaceNamed, Since];
    PCN_SUBJECT_CORRECTION = "pcn.subject_correction" [What, PlaceNamed, Since];
    PCN_TITLE = "pcn.title" [Fault, Place];
    PCN_TITLE_CORRECTION = "pcn.title_correction" [Place];
    PCN_GREETING = "pcn.greeting" [Icb, Place] or nothing;
    PCN_CLOSING = "pcn.closing" [Icb, Place] or nothing;
    PCN_BEGAN = "pcn.began" [Since];
    PCN_BEGAN_AGAIN = "pcn.began_again" [Since];
    PCN_LASTED_AGAIN = "pcn.lasted_again" [Since, Length];
    PCN_LASTED = "pcn.lasted" [Length];
    PCN_HIT_HEADING = "pcn.hit_heading" [];
    PCN_UNHEARD_HEADING = "pcn.unheard_heading" [];
    PCN_WERE_HIT_HEADING = "pcn.were_hit_heading" [];
    PCN_MANAGERS_ARE_TOLD = "pcn.managers_are_told" [];
    PCN_NEXT_LETTER = "pcn.next_letter" [];
    PCN_FALSE_ALARM = "pcn.false_alarm" [];

    OWNER_SUBJECT = "owner.subject" [Word, Component, How, Since];
    OWNER_TITLE = "owner.title" [Word, Component];
    OWNER_GREETING = "owner.greeting" [Icb] or nothing;
    OWNER_CLOSING = "owner.closing" [Icb] or nothing;
    OWNER_LOOK_INTO_IT = "owner.look_into_it" [Icb, Component];
    OWNER_LOOK_WHETHER_IT_IS_YOURS = "owner.look_whether_it_is_yours" [Icb, Component];
    OWNER_SAY_SO = "owner.say_so" [];
    OWNER_WE_HAVE_TAKEN_THIS_ON = "owner.we_have_taken_this_on" [];
    OWNER_IS_OVER = "owner.is_over" [Icb, Length];
    OWNER_NO_SUCH_FAULT = "owner.no_such_fault" [];
    OWNER_NOT_YOURS = "owner.not_yours" [Cause];

    OWNER_FAULT_HEADING = "owner.fault_heading" [];
    OWNER_AGAINST_ANOTHER_CAUSE_HEADING = "owner.against_another_cause_heading" [];

    DIGEST_SUBJECT = "digest.subject" [Count, GoOn];
    DIGEST_TITLE = "digest.title" [Count, GoOn];
    DIGEST_WHY_ONLY_NOW = "digest.why_only_now" [];
    DIGEST_HAVE_YOU_READ_OF = "digest.have_you_read_of" [Incident, Icb];
    DIGEST_SAY_SO = "digest.say_so" [Incident];
    DIGEST_OVER_HEADING = "digest.over_heading" [];
    DIGEST_GOES_ON_HEADING = "digest.goes_on_heading" [];
    DIGEST_CHANGED_HEADING = "digest.changed_heading" [];
    DIGEST_CAME_AND_WENT_HEADING = "digest.came_and_went_heading" [];
    DIGEST_NEXT_LETTER = "digest.next_letter" [];

    WORD_OPENED = "word.opened" [];
    WORD_CHANGED = "word.changed" [];
    WORD_RESOLVED = "word.resolved" [];
    WORD_WITHDRAWN = "word.withdrawn" [];
    WORD_MERGED = "word.merged" [];
    WORD_NOT_ACKNOWLEDGED = "word.not_acknowledged" [];
    WORD_FAULT = "word.fault" [];
    WORD_NOT_YOURS = "word.not_yours" [];

    WHERE_PRACTICE = "where.practice" [Component];
    WHERE_PRACTICE_UNHEARD = "where.practice_unheard" [Component];
    WHERE_ITSELF = "where.itself" [Component];
    WHERE_LOOKED_AFTER_BY = "where.looked_after_by" [Component, Who];
    WHERE_ONE_OF = "where.one_of" [Component];

    FAULT_DOWN_SHORT = "fault.down_short" [];
    FAULT_DOWN_ONE = "fault.down_one" [];
    FAULT_DOWN_SEVERAL = "fault.down_several" [];
    FAULT_DOWN_HEADING = "fault.down_heading" [];
    FAULT_DOWN_ONE_AGAIN = "fault.down_one_again" [];
    FAULT_DOWN_SEVERAL_AGAIN = "fault.down_several_again" [];
    FAULT_DNS_SHORT = "fault.dns_short" [];
    FAULT_DNS_ONE = "fault.dns_one" [];
    FAULT_DNS_SEVERAL = "fault.dns_several" [];
    FAULT_DNS_HEADING = "fault.dns_heading" [];
    FAULT_DNS_ONE_AGAIN = "fault.dns_one_again" [];
    FAULT_DNS_SEVERAL_AGAIN = "fault.dns_several_again" [];
    FAULT_TLS_SHORT = "fault.tls_short" [];
    FAULT_TLS_ONE = "fault.tls_one" [];
    FAULT_TLS_SEVERAL = "fault.tls_several" [];
    FAULT_TLS_HEADING = "fault.tls_heading" [];
    FAULT_TLS_ONE_AGAIN = "fault.tls_one_again" [];
    FAULT_TLS_SEVERAL_AGAIN = "fault.tls_several_again" [];
    FAULT_INTERCEPTED_SHORT = "fault.intercepted_short" [];
    FAULT_INTERCEPTED_ONE = "fault.intercepted_one" [];
    FAULT_INTERCEPTED_SEVERAL = "fault.intercepted_several" [];
    FAULT_INTERCEPTED_HEADING = "fault.intercepted_heading" [];
    FAULT_INTERCEPTED_ONE_AGAIN = "fault.intercepted_one_again" [];
    FAULT_INTERCEPTED_SEVERAL_AGAIN = "fault.intercepted_several_again" [];
    FAULT_PARTIAL_SHORT = "fault.partial_short" [];
    FAULT_PARTIAL_ONE = "fault.partial_one" [];
    FAULT_PARTIAL_SEVERAL = "fault.partial_several" [];
    FAULT_PARTIAL_HEADING = "fault.partial_heading" [];
    FAULT_PARTIAL_ONE_AGAIN = "fault.partial_one_again" [];
    FAULT_PARTIAL_SEVERAL_AGAIN = "fault.partial_several_again" [];
    FAULT_SLOW_SHORT = "fault.slow_short" [];
    FAULT_SLOW_ONE = "fault.slow_one" [];
    FAULT_SLOW_SEVERAL = "fault.slow_several" [];
    FAULT_SLOW_HEADING = "fault.slow_heading" [];
    FAULT_SLOW_ONE_AGAIN = "fault.slow_one_again" [];
    FAULT_SLOW_SEVERAL_AGAIN = "fault.slow_several_again" [];
    FAULT_FLAPPING_SHORT = "fault.flapping_short" [];
    FAULT_FLAPPING_ONE = "fault.flapping_one" [];
    FAULT_FLAPPING_SEVERAL = "fault.flapping_several" [];
    FAULT_FLAPPING_HEADING = "fault.flapping_heading" [];
    FAULT_FLAPPING_ONE_AGAIN = "fault.flapping_one_again" [];
    FAULT_FLAPPING_SEVERAL_AGAIN = "fault.flapping_several_again" [];
    FAULT_POLICY_SHORT = "fault.policy_short" [];
    FAULT_POLICY_ONE = "fault.policy_one" [];
    FAULT_POLICY_SEVERAL = "fault.policy_several" [];
    FAULT_POLICY_HEADING = "fault.policy_heading" [];
    FAULT_POLICY_ONE_AGAIN = "fault.policy_one_again" [];
    FAULT_POLICY_SEVERAL_AGAIN = "fault.policy_several_again" [];
    FAULT_SILENT_SHORT = "fault.silent_short" [];
    FAULT_SILENT_ONE = "fault.silent_one" [];
    FAULT_SILENT_SEVERAL = "fault.silent_several" [];
    FAULT_SILENT_HEADING = "fault.silent_heading" [];
    FAULT_SILENT_ONE_AGAIN = "fault.silent_one_again" [];
    FAULT_SILENT_SEVERAL_AGAIN = "fault.silent_several_again" [];

    SIGNATURE_FOR_WHOM = "signature.for_whom" [Icb];
    SIGNATURE_AUTOMATIC = "signature.automatic" [];
}
