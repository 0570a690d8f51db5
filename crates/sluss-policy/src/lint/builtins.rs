//! The builtins that a policy may call. Everything else is refused when the bundle is loaded.
//!
//! Only those are allowed that need nothing but their arguments, cannot make much out of little,
//! and are the same in regorus and rego-cpp 1.5.2, which decides again in the tests.

const ALLOWED: &[&str] = &[
    "abs",
    "array.concat",
    "array.reverse",
    "array.slice",
    "ceil",
    "concat",
    "contains",
    "count",
    "endswith",
    "floor",
    "format_int",
    "indexof",
    "intersection",
    "is_array",
    "is_boolean",
    "is_null",
    "is_number",
    "is_object",
    "is_set",
    "is_string",
    "lower",
    "max",
    "min",
    "object.filter",
    "object.get",
    "object.keys",
    "object.remove",
    "object.subset",
    "product",
    "regex.match",
    "replace",
    "round",
    "semver.is_valid",
    "sort",
    "split",
    "sprintf",
    "startswith",
    "strings.any_prefix_match",
    "strings.any_suffix_match",
    "substring",
    "sum",
    "to_number",
    "trim",
    "trim_left",
    "trim_prefix",
    "trim_right",
    "trim_space",
    "trim_suffix",
    "type_name",
    "union",
    "upper",
];

/// Those that tests may call besides, to make one input out of another; rego-cpp 1.5.2 does not
/// merge below the first level.
const ALLOWED_IN_TESTS: &[&str] = &["object.union"];

/// Why a builtin is refused, and what to write instead.
pub(crate) struct Banned {
    /// Why.
    pub(crate) why: &'static str,
    /// What to write instead.
    pub(crate) instead: &'static str,
}

/// Says why a builtin may not be called; nothing if it may.
pub(crate) fn banned(name: &str, is_test: bool) -> Option<Banned> {
    if ALLOWED.contains(&name) || (is_test && ALLOWED_IN_TESTS.contains(&name)) {
        return None;
    }
    let of = |why, instead| Some(Banned { why, instead });
    match name.split('.').next().unwrap_or(name) {
        "http" | "net" => of(
            "a decision asks no network; what an engine answers instead is undefined, so that a \
             denial built on it never fires",
            "have the fact recorded as an event, and take it from `input`",
        ),
        "time" => of(
            "a decision knows no clock, and engines read dates differently",
            "compare the integers of `input`, such as `input.now_ms`",
        ),
        "rand" | "uuid" => of(
            "a decision must come out the same when it is made again",
            "take what varies from `input`",
        ),
        "opa" | "rego" => of(
            "a decision must not depend on where it is made",
            "take the fact from `input` or `data`",
        ),
        "io" | "crypto" => of(
            "signatures are verified by the core before a gate is asked",
            "take what was verified from `input`, such as `input.provenance.present`",
        ),
        "print" | "trace" => {
            of("a decision writes nothing", "remove it, or add what matters to a denial's `msg`")
        }
        "numbers" | "walk" | "json" | "yaml" | "units" | "graph" | "glob" | "base64"
        | "base64url" | "hex" | "urlquery" | "bits" | "strings" | "regex" | "array" | "object" => {
            of(
                "it is not on the list of builtins that a gate may call",
                "write it with those that are: count, some … in, every, contains, sprintf, \
                 regex.match, object.get and their like",
            )
        }
        "semver" => of(
            "engines order versions differently (rego-cpp 1.5.2 has it the other way round)",
            "have the comparison made before, as `input.dependencies[_].satisfied` is",
        ),
        _ => of(
            "neither the bundle nor the list of builtins has it; an engine fails only when it \
             is reached",
            "correct the name, or define the function in the bundle",
        ),
    }
}
