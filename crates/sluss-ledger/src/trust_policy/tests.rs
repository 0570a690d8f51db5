//! A policy is read strictly, and what satisfies it is counted once.

use super::*;
use crate::cosignature::WitnessKey;
use crate::hash::Hash;
use crate::note::LogKey;
use crate::tree::TreeHead;

fn log(seed: u8) -> LogKey {
    LogKey::from_seed("log.example/1".parse().unwrap(), [seed; 32])
}

fn witness(seed: u8) -> WitnessKey {
    WitnessKey::from_seed(format!("w.example/{seed}").parse().unwrap(), [seed; 32])
}

fn checkpoint() -> Checkpoint {
    let head = TreeHead { size: 1, root: Hash::leaf(b"") };
    Checkpoint { origin: "log.example/1".parse().unwrap(), head }
}

fn signed(witnesses: &[u8]) -> String {
    let mut note = checkpoint().sign(&log(1)).unwrap();
    for seed in witnesses {
        note = note.with(witness(*seed).cosign(&checkpoint(), 1000 + u64::from(*seed)));
    }
    note.to_string()
}

/// Replaces `L1` by the vkey of log key 1, `W1` by that of witness 1, and so on.
fn file(text: &str) -> String {
    let mut text = text.to_owned();
    for seed in 1..=5_u8 {
        text = text.replace(&format!("<L{seed}>"), &log(seed).verifier().to_string());
        text = text.replace(&format!("<W{seed}>"), &witness(seed).verifier().to_string());
    }
    text
}

const TWO_LEVELS: &str = "# Two of internal audit, and one of the others.\n\
    log <L1>\n\
    \n\
    witness X1 <W1>\n\
    witness X2 <W2> https://w2.example/\n\
    \twitness  X3\t<W3>\n\
    group X-witnesses 2 X1 X2 X3\n\
    witness Y1 <W4>\n\
    witness Y2 <W5>\n\
    group Y-witnesses any Y1 Y2\n\
    group X-and-Y all X-witnesses Y-witnesses\n\
    quorum X-and-Y\n";

#[test]
fn groups_of_groups_are_counted() {
    let policy: TrustPolicy = file(TWO_LEVELS).parse().unwrap();
    assert_eq!((policy.logs().len(), policy.witnesses().count()), (1, 5));
    assert!(policy.asks_for_witnesses());
    for (witnesses, enough) in [
        (&[1, 2, 4][..], true),
        (&[1, 2, 3, 4, 5], true),
        (&[2, 3, 5], true),
        (&[1, 2, 3], false),
        (&[1, 4, 5], false),
        (&[1, 1, 4], false),
        (&[], false),
    ] {
        let verified = policy.verify(signed(witnesses).as_bytes());
        assert_eq!(verified.is_ok(), enough, "{witnesses:?}");
    }
    let quorate = policy.verify(signed(&[1, 2, 4, 5]).as_bytes()).unwrap();
    assert_eq!(quorate.checkpoint().head().size, 1);
    let times: Vec<_> = quorate.cosigned().iter().map(|(name, at)| (name.as_str(), *at)).collect();
    assert_eq!(times, [("X1", 1001), ("X2", 1002), ("Y1", 1004), ("Y2", 1005)]);
    let refused = policy.verify(signed(&[4]).as_bytes()).unwrap_err();
    let said = "the quorum `X-and-Y` is not reached; cosigned by [\"Y1\"]";
    assert_eq!(refused.to_string(), said);
}

#[test]
fn a_witness_alone_or_none_can_be_the_quorum() {
    let alone: TrustPolicy = file("log <L1>\nwitness a <W1>\nquorum a\n").parse().unwrap();
    assert!(alone.verify(signed(&[1]).as_bytes()).is_ok());
    assert!(alone.verify(signed(&[2]).as_bytes()).is_err());
    let none: TrustPolicy = file("log <L1>\nquorum none\n").parse().unwrap();
    assert!(!none.asks_for_witnesses());
    assert!(none.verify(signed(&[]).as_bytes()).is_ok());
}

#[test]
fn a_bad_line_of_a_listed_witness_spoils_the_checkpoint() {
    let policy: TrustPolicy =
        file("log <L1>\nwitness a <W1>\nwitness b <W2>\ngroup g any a b\nquorum g\n")
            .parse()
            .unwrap();
    let mut bad = witness(2).cosign(&checkpoint(), 7);
    bad.bytes[30] ^= 1;
    let spoilt = Note::parse(signed(&[1]).as_bytes()).unwrap().with(bad.clone()).to_string();
    let refused = policy.verify(spoilt.as_bytes());
    assert!(matches!(refused, Err(TrustRefusal::Cosignature(_))));
    let unlisted: TrustPolicy = file("log <L1>\nwitness a <W1>\nquorum a\n").parse().unwrap();
    assert!(unlisted.verify(spoilt.as_bytes()).is_ok());
}

#[test]
fn only_a_listed_log_speaks_and_only_under_its_origin() {
    let policy: TrustPolicy = file("log <L2>\nlog <L3>\nquorum none\n").parse().unwrap();
    let refused = policy.verify(signed(&[]).as_bytes());
    assert!(matches!(refused, Err(TrustRefusal::Checkpoint(_))));
    let two: TrustPolicy = file("log <L1>\nlog <L2>\nquorum none\n").parse().unwrap();
    assert!(two.verify(signed(&[]).as_bytes()).is_ok());
    let elsewhere = Checkpoint { origin: "log.example/2".parse().unwrap(), ..checkpoint() };
    let note = elsewhere.sign(&log(1)).unwrap().to_string();
    assert!(matches!(two.verify(note.as_bytes()), Err(TrustRefusal::UnknownLog(_))));
    assert!(two.verify(b"nonsense").is_err());
}

#[test]
fn each_mistake_is_named_with_its_line() {
    for (text, line, fault) in [
        ("", 0, "NoQuorum"),
        ("log <L1>\n", 0, "NoQuorum"),
        ("quorum none", 1, "NoNewline"),
        ("quorum none\nquorum none\n", 2, "SecondQuorum"),
        ("quorum a\nwitness a <W1>\n", 1, "UnknownName(\"a\")"),
        ("group g all a\n", 1, "UnknownName(\"a\")"),
        ("witness a <W1>\ngroup g all g\n", 2, "UnknownName(\"g\")"),
        ("witness a <W1>\nwitness a <W2>\n", 2, "DuplicateName(\"a\")"),
        ("witness a <W1>\nwitness b <W1>\n", 2, "DuplicateKey"),
        ("log <L1>\nlog <L1>\n", 2, "DuplicateKey"),
        ("witness none <W1>\n", 1, "Reserved"),
        ("witness a <W1>\ngroup none any a\n", 2, "Reserved"),
        ("witness a <W1>\ngroup g any none\n", 2, "UnknownName(\"none\")"),
        ("witness a <W1>\ngroup g 2 a\n", 2, "Threshold { found: \"2\", most: 1 }"),
        ("witness a <W1>\ngroup g 0 a\n", 2, "Threshold { found: \"0\", most: 1 }"),
        ("witness a <W1>\ngroup g 01 a\n", 2, "Threshold { found: \"01\", most: 1 }"),
        ("witness a <W1>\ngroup g most a\n", 2, "Threshold { found: \"most\", most: 1 }"),
        ("witness a <W1>\ngroup g 1 a a\n", 2, "CountedTwice(\"a\")"),
        ("witness a <W1>\ngroup g any a\ngroup h any a\n", 3, "CountedTwice(\"a\")"),
        ("witness a <W1>\ngroup g any\n", 2, "Form(\"group\")"),
        ("witness a\n", 1, "Form(\"witness\")"),
        ("log <L1> url more\n", 1, "Form(\"log\")"),
        ("quorum\n", 1, "Form(\"quorum\")"),
        ("quorum none none\n", 1, "Form(\"quorum\")"),
        ("Quorum none\n", 1, "Form(\"Quorum\")"),
        ("log <W1>\n", 1, "Key(KeyType { found: 4 })"),
        ("witness a <L1>\n", 1, "Key(KeyType { found: 1 })"),
        ("\nquorum none\r\n", 2, "ControlCharacter"),
        ("# \u{7f}\n", 1, "ControlCharacter"),
    ] {
        let refused = file(text).parse::<TrustPolicy>().unwrap_err();
        assert_eq!(
            (refused.line, format!("{:?}", refused.fault)),
            (line, fault.to_owned()),
            "{text}"
        );
    }
    let refused = TrustPolicy::parse(b"quorum \xff\n").unwrap_err();
    assert_eq!(refused.fault, PolicyFault::Utf8);
    assert!(TrustPolicy::parse(b"# \xff\n  # more\n \t\nquorum none\n").is_ok());
    let crowd = format!("{}quorum none\n", "#".repeat(MAX_BYTES));
    assert_eq!(crowd.parse::<TrustPolicy>().unwrap_err().fault, PolicyFault::TooLarge);
}

#[test]
fn at_least_as_many_lines_are_read_as_the_specification_asks_for() {
    let mut text = String::new();
    for seed in 0..32_u8 {
        let log = LogKey::from_seed(format!("log/{seed}").parse().unwrap(), [seed; 32]);
        text += &format!("log {}\n", log.verifier());
        text += &format!("witness w{seed} {}\n", witness(seed).verifier());
        text += &format!("group g{seed} any w{seed}\n");
    }
    text += "quorum g31\n";
    assert!(text.parse::<TrustPolicy>().is_ok());
}
