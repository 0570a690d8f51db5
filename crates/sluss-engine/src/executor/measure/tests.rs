//! Reports of measurements, and what is read of benchmarks.

use sluss_core::performance::Pace as Said;

use super::lines::Results;
use super::*;

fn report(metrics: &str) -> String {
    format!(r#"{{"format":"{FORMAT}","metrics":[{metrics}]}}"#)
}

fn series(name: &str, better: &str, candidate: &[f64], live: &[f64]) -> String {
    format!(
        r#"{{"name":"{name}","unit":"ms/op","better":"{better}","candidate":{candidate:?},"live":{live:?}}}"#
    )
}

fn told(metrics: &str, against: Option<u64>) -> Result<Measured, String> {
    let against = against.map(ReleaseId);
    read(report(metrics).as_bytes(), Digest::of(b"report"), (against, 100_000))
}

#[test]
fn a_report_is_judged_by_its_figures() {
    let (slow, even) = ([12.0; 12], [10.0; 12]);
    let all = [
        series("Checkout", "lower", &slow, &even),
        series("Login", "lower", &even, &slow),
        series("Paid", "higher", &even, &slow),
        series("Short", "lower", &even[..2], &even[..2]),
    ];
    let measured = told(&all.join(","), Some(7)).unwrap();
    let said: Vec<_> = measured.metrics.iter().map(|one| one.beside.unwrap()).collect();
    let paces: Vec<Said> = said.iter().map(|beside| beside.pace).collect();
    assert_eq!(paces, [Said::Slower, Said::Within, Said::Slower, Said::Undecided]);
    assert_eq!((said[0].more_ppm, said[0].pairs.get()), (200_000, 12));
    assert_eq!((measured.metrics[0].micros, measured.against), (12_000_000, Some(ReleaseId(7))));
    let first = told(&series("Checkout", "lower", &slow, &[]), None).unwrap();
    assert_eq!(first.metrics[0].beside, None);
}

#[test]
fn what_lacks_its_other_half_or_is_no_measurement_is_no_report() {
    let even = [10.0; 3];
    let refused = |metrics: &str, against| told(metrics, against).unwrap_err();
    assert_eq!(refused("", None), "it has 0 metrics, not 1 to 64");
    assert_eq!(
        refused(&series("A", "lower", &even, &[]), Some(7)),
        "A was not measured beside rel-7, which is live"
    );
    assert_eq!(
        refused(&series("A", "lower", &even, &even), None),
        "A was measured beside something, and nothing is live"
    );
    assert_eq!(
        refused(&series("A", "lower", &even, &even[..2]), Some(7)),
        "A was not measured as often of the live release"
    );
    assert_eq!(
        refused(&series("A", "lower", &[1.0, 0.0], &[1.0, 1.0]), Some(7)),
        "A measured 0 ms/op, and must be above 0"
    );
    let one = series("A", "lower", &even, &even);
    assert_eq!(refused(&format!("{one},{one}"), Some(7)), "a metric is there twice");
    assert!(refused(&series("a b", "lower", &even, &even), Some(7)).contains("no report"));
    let many: Vec<String> =
        (0..65).map(|n| series(&format!("A{n}"), "lower", &even, &even)).collect();
    assert_eq!(refused(&many.join(","), Some(7)), "it has 65 metrics, not 1 to 64");
    let of = |text: &str| read(text.as_bytes(), Digest::of(b"x"), (None, 1)).unwrap_err();
    assert!(of("{").starts_with("it is no report of measurements"));
    assert!(of(r#"{"format":"x","metrics":[]}"#).contains(FORMAT));
    assert!(of(&report(&one.replace("10.0", "1e999"))).starts_with("it is no report"));
}

#[test]
fn results_are_read_in_the_benchmark_format() {
    let mut results = Results::default();
    for line in [
        "goos: linux",
        "Unit points better=higher",
        "BenchmarkCheckout-8   100  12.5 ms/op  3 allocs/op",
        "BenchmarkCheckout-8   100  13.5 ms/op  3 allocs/op",
        "BenchmarkSend 1 250 MB/s 7 points",
        "Benchmark of something",
        "Benchmarks are fun",
        "",
    ] {
        results.line(line).unwrap();
    }
    let read: Vec<String> = results
        .finish(1.0)
        .into_iter()
        .map(|((name, unit), better, value)| format!("{name} {unit} {better:?} {value}"))
        .collect();
    assert_eq!(
        read,
        [
            "Checkout-8 allocs/op Lower 3",
            "Checkout-8 ms/op Lower 13",
            "Send MB/s Higher 250",
            "Send points Higher 7",
        ]
    );
    let mut wrong = Results::default();
    assert_eq!(wrong.line("BenchmarkA 1 x ms/op").unwrap_err(), "`x` is no number");
    assert_eq!(wrong.line("BenchmarkA 1 7").unwrap_err(), "`BenchmarkA 1 7` ends without a unit");
    let silent = Results::default().finish(0.5);
    assert_eq!(silent[0].2, 0.5);
}
