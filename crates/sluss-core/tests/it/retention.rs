//! What is kept, held and disposed of, and who is erased.

use expect_test::expect;
use sluss_core::disposal::{Need, Standing};
use sluss_core::ids::{Digest, ReleaseId};
use sluss_core::retention::Class;
use sluss_core::units::Millis;

use crate::script::check;
use crate::world::{World, actor, production, propose, staging};

/// A first release is live, and was replaced by a second one and a third.
const THREE: &str = "~0 policy never bob carl erik dora by anna
        ~1 push main anna by anna
        ~2 go
        ~3 push main anna by anna
        ~4 go
        ~5 push main anna by anna
        ~6 go";

/// Three years and a day after the story, in seconds.
const LATER: i64 = 3 * 366 * 86_400 + 86_400;

#[test]
fn a_hold_is_placed_by_one_and_lifted_by_two_others() {
    check(
        vec![staging()],
        &format!(
            "{THREE}
        7 keep all by anna
        8 keep service:other by bob
        9 keep release:rel-1 by bob agent
        10 keep release:rel-1 by carl
        11 unkeep hld-1 by bob
        12 unkeep hld-1 by carl agent
        13 unkeep hld-1 by carl stale
        14 unkeep hld-1 by anna
        15 unkeep hld-1 by carl
        16 unkeep hld-1 by carl
        17 unkeep hld-1 by erik
        18 unkeep hld-1 by dora"
        ),
        expect![[r#"
            7 keep all by anna
                Denied: To place a legal hold takes the role of an approver, and you don't have it.
                + access.refused place a legal hold missing_role
            8 keep service:other by bob
                NotFound: There is nothing called `service:other`, so nothing is held.
            9 keep release:rel-1 by bob agent
                hold.placed bob hld-1 8fcfccf675b1f0bfd39d release:rel-1
            10 keep release:rel-1 by carl
                Conflict: hld-1 holds the release rel-1 already.
            11 unkeep hld-1 by bob
                Denied: You placed this hold, so others lift it.
                + access.refused lift a legal hold core.sod.distinct same_person
            12 unkeep hld-1 by carl agent
                Denied: Only a person decides; tokens and programs do not.
                + access.refused lift a legal hold core.identity.human not_a_person
            13 unkeep hld-1 by carl stale
                Denied: A decision asks for your password again.
                + access.refused lift a legal hold core.identity.human not_reauthenticated
            14 unkeep hld-1 by anna
                Denied: To lift a legal hold takes the role of an approver, and you don't have it.
                + access.refused lift a legal hold missing_role
            15 unkeep hld-1 by carl
                hold.lift_agreed carl hld-1 8fcfccf675b1f0bfd39d
            16 unkeep hld-1 by carl
                Conflict: You agreed to lift hld-1 already; it takes one more person.
                + access.refused lift a legal hold core.sod.distinct same_person
            17 unkeep hld-1 by erik
                hold.lift_agreed erik hld-1 8fcfccf675b1f0bfd39d
                hold.lifted hld-1
            18 unkeep hld-1 by dora
                Conflict: hld-1 is lifted already.
            pay/staging: rel-3 100 % rel-2 0 %
        "#]],
    );
}

#[test]
fn two_people_dispose_of_what_is_due_and_of_nothing_that_is_held_or_needed() {
    check(
        vec![staging()],
        &format!(
            "{THREE}
        7 dispose run-1 by bob
        8 dispose unknown by bob
        9 dispose early run-3 by bob
        {LATER} dispose run-1 by anna
        {LATER} dispose run-3 by bob
        {LATER} dispose run-2 by bob
        {LATER} dispose run-1 by bob
        {LATER} dispose run-1 by carl
        {LATER} agree dsp-1 by bob
        {LATER} agree dsp-1 by carl agent
        {LATER} agree dsp-1 by anna
        ~{LATER} keep product:bank by erik
        {LATER} agree dsp-1 by carl
        ~{LATER} unkeep hld-1 by dora
        ~{LATER} unkeep hld-1 by bob
        {LATER} agree dsp-1 by carl
        {LATER} agree dsp-1 by carl
        {LATER} dispose run-1 by bob"
        ),
        expect![[r#"
            7 dispose run-1 by bob
                Conflict: 4e65d3fbe8ad is kept for 3 years, which are not over, so nothing was disposed of.
            8 dispose unknown by bob
                Conflict: b23a6a8439c0 is named by no event, so nothing was disposed of.
            9 dispose early run-3 by bob
                Conflict: 14713de98247 is needed: rel-3 is live, or stands by to be gone back to, so nothing was disposed of.
            94953600 dispose run-1 by anna
                Denied: To propose a disposal takes the role of an approver, and you don't have it.
                + access.refused propose a disposal missing_role
            94953600 dispose run-3 by bob
                Conflict: 14713de98247 is needed: rel-3 is live, or stands by to be gone back to, so nothing was disposed of.
            94953600 dispose run-2 by bob
                Conflict: b9d17232a4c8 is needed: rel-2 is live, or stands by to be gone back to, so nothing was disposed of.
            94953600 dispose run-1 by bob
                disposal.proposed bob contents=["4e65d3fbe8ad6535681b021b30785b12b6c0e3f8878859a4148b3f58b8835db0"] dsp-1
            94953600 dispose run-1 by carl
                Conflict: dsp-1 proposes to dispose of 4e65d3fbe8ad already.
            94953600 agree dsp-1 by bob
                Denied: You proposed it, so another agrees.
                + access.refused agree to a disposal core.sod.distinct same_person
            94953600 agree dsp-1 by carl agent
                Denied: Only a person decides; tokens and programs do not.
                + access.refused agree to a disposal core.identity.human not_a_person
            94953600 agree dsp-1 by anna
                Denied: To agree to a disposal takes the role of an approver, and you don't have it.
                + access.refused agree to a disposal missing_role
            94953600 agree dsp-1 by carl
                Conflict: 4e65d3fbe8ad lies in the legal hold hld-1, so nothing was disposed of.
            94953600 agree dsp-1 by carl
                disposal.agreed carl dsp-1
                blob.disposed artifacts dsp-1 4e65d3fbe8ad6535681b
            94953600 agree dsp-1 by carl
                Conflict: dsp-1 is decided already.
            94953600 dispose run-1 by bob
                Conflict: 4e65d3fbe8ad is gone already, so nothing was disposed of.
            pay/staging: rel-3 100 % rel-2 0 %
        "#]],
    );
}

#[test]
fn before_its_period_a_content_goes_for_a_reason_only_and_a_proposal_can_be_declined() {
    check(
        vec![staging()],
        &format!(
            "{THREE}
        7 dispose early run-1 by bob
        8 decline dsp-1 by carl
        9 agree dsp-1 by carl
        10 dispose early run-1 by carl
        11 agree dsp-2 by bob"
        ),
        expect![[r#"
            7 dispose early run-1 by bob
                disposal.proposed bob contents=["4e65d3fbe8ad6535681b021b30785b12b6c0e3f8878859a4148b3f58b8835db0"] dsp-1 8fcfccf675b1f0bfd39d
            8 decline dsp-1 by carl
                disposal.refused carl dsp-1
            9 agree dsp-1 by carl
                Conflict: dsp-1 is decided already.
            10 dispose early run-1 by carl
                disposal.proposed carl contents=["4e65d3fbe8ad6535681b021b30785b12b6c0e3f8878859a4148b3f58b8835db0"] dsp-2 8fcfccf675b1f0bfd39d
            11 agree dsp-2 by bob
                disposal.agreed bob dsp-2
                blob.disposed artifacts dsp-2 8fcfccf675b1f0bfd39d 4e65d3fbe8ad6535681b
            pay/staging: rel-3 100 % rel-2 0 %
        "#]],
    );
}

#[test]
fn nobody_is_erased_who_has_a_role_or_is_under_way_or_held_and_two_others_do_it() {
    check(
        vec![production()],
        "~0 policy always bob carl erik by anna
        ~1 push main mallory by anna
        ~2 go
        3 erase anna by bob
        4 erase mallory by bob
        ~4 identify mallory by carl
        ~5 approve dep-1 by bob
        ~6 go
        7 erase mallory by anna
        8 erase mallory by bob stale
        ~9 keep release:rel-1 by erik
        10 erase mallory by bob
        ~11 unkeep hld-1 by carl
        ~12 unkeep hld-1 by bob
        13 erase mallory by bob
        14 erase mallory by carl
        15 agree ers-1 by bob
        16 agree ers-1 by carl agent
        17 agree ers-1 by carl
        18 erase mallory by bob",
        expect![[r#"
            3 erase anna by bob
                Conflict: They can't be erased now. They have a role: take them out of `organisation.yaml` first, also of groups and training. They contributed to dep-1, which is under way: let it end first. They contributed to chg-1, which is not delivered yet.
            4 erase mallory by bob
                Conflict: They can't be erased now. They contributed to dep-1, which is under way: let it end first. They contributed to chg-1, which is not delivered yet.
            7 erase mallory by anna
                Denied: To erase a person takes the role of an approver, and you don't have it.
                + access.refused erase a person missing_role
            8 erase mallory by bob stale
                Denied: A decision asks for your password again.
                + access.refused erase a person core.identity.human not_reauthenticated
            10 erase mallory by bob
                Conflict: They can't be erased now. They had a part in what the legal hold hld-1 keeps.
            13 erase mallory by bob
                erasure.proposed bob ers-1 mallory 8fcfccf675b1f0bfd39d
            14 erase mallory by carl
                Conflict: ers-1 proposes that already.
            15 agree ers-1 by bob
                Denied: You proposed it, so another agrees.
                + access.refused erase a person core.sod.distinct same_person
            16 agree ers-1 by carl agent
                Denied: Only a person decides; tokens and programs do not.
                + access.refused erase a person core.identity.human not_a_person
            17 agree ers-1 by carl
                person.erased carl ers-1 mallory
            18 erase mallory by bob
                Conflict: They are erased already.
            pay/production: rel-1 100 %
        "#]],
    );
}

fn told(world: &mut World, story: &[(i64, sluss_core::decide::Command, &str)]) {
    for (second, command, by) in story {
        world.now = Millis(second * 1000);
        world.tell(command.clone(), &actor(by)).unwrap();
    }
}

#[test]
fn what_decides_now_stays_and_what_is_named_again_is_kept_again() {
    use sluss_core::config::{FourEyes, Organisation};
    use sluss_core::decide::{Command, Retain};
    let mut world = World::new(vec![staging()]);
    let with = |calendar: &str| Organisation {
        calendar: Some(Digest::of(calendar.as_bytes())),
        ..crate::world::organisation(FourEyes::Never, &["bob", "carl"])
    };
    let (first, second) = (Digest::of(b"first"), Digest::of(b"second"));
    told(
        &mut world,
        &[(0, propose(1, with("first")), "anna"), (1, propose(2, with("second")), "anna")],
    );
    let later = Millis(11 * 366 * 86_400_000);
    let standing = |world: &World, of| world.state.standing(of, later).unwrap();
    assert_eq!(standing(&world, &second), Standing::Needed(Need::InForce));
    assert!(matches!(standing(&world, &first), Standing::Due { .. }));
    assert_eq!(world.state.due(later).iter().map(|of| of.1).collect::<Vec<_>>(), [Class::Evidence]);
    let contents = [first.clone()].into();
    let disposal = world.state.next_disposal();
    told(
        &mut world,
        &[
            (
                later.second(),
                Command::Retain(Retain::ProposeDisposal { contents, early: None }),
                "bob",
            ),
            (later.second(), Command::Retain(Retain::AgreeDisposal { disposal }), "carl"),
        ],
    );
    assert!(matches!(standing(&world, &first), Standing::Gone(_)));
    assert_eq!(world.state.to_remove().map(|(digest, ..)| digest).collect::<Vec<_>>(), [&first]);
    told(&mut world, &[(later.second() + 1, propose(3, with("first")), "anna")]);
    assert_eq!(standing(&world, &first), Standing::Needed(Need::InForce));
    assert_eq!(world.state.to_remove().count(), 0);
}

#[test]
fn a_barred_release_stays_but_for_a_reason() {
    let mut world = World::new(vec![staging()]);
    crate::script::play(&mut world, THREE);
    crate::script::play(&mut world, "~7 rollback staging by anna");
    let later = Millis(LATER * 1000 * 2);
    let barred = Digest::of(b"run-3");
    let standing = world.state.standing(&barred, later);
    assert_eq!(standing, Some(Standing::Needed(Need::Barred(ReleaseId(3)))));
    assert!(world.state.can_dispose(&barred, false, later).is_err());
    assert_eq!(world.state.can_dispose(&barred, true, later), Ok(Class::Artifacts));
}
