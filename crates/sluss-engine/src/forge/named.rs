//! Who a commit's message says had a hand in it, wherever it says so.
//!
//! Git knows trailers only at the end of a message, and only some forms of them. Whoever is named
//! as one who wrote it counts here in whatever form: else a line a little different would let them
//! agree to what they wrote.
//!
//! # Invariants
//!
//! - A line that names somebody and no address gives an address that is nobody's: of such a one
//!   nobody knows who they are, which keeps the gates shut that ask.

use super::CoAuthor;

/// What such a line begins with, in lower case and with hyphens. Signing off says that one wrote
/// it or passed it on (Developer Certificate of Origin 1.1), which is what a committer does.
const SAYS: [&str; 10] = [
    "co-authored-by",
    "co-authored-with",
    "coauthored-by",
    "co-author",
    "co-developed-by",
    "pair-programmed-with",
    "pair-programmed-by",
    "paired-with",
    "mob-programmed-with",
    "signed-off-by",
];

/// The domain of addresses that are nobody's (RFC 2606).
const NOBODYS: &str = "named-without-address.invalid";

/// Returns everyone whom a message names as one who wrote it.
pub(super) fn co_authors_in(message: &str) -> Vec<CoAuthor> {
    unfolded(message).iter().flat_map(|line| said_in(line)).flat_map(named_by).collect()
}

/// Returns the lines of a message, each with those that go on with it: they begin with a space.
fn unfolded(message: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in message.lines() {
        match lines.last_mut().filter(|_| line.starts_with([' ', '\t'])) {
            Some(last) => {
                last.push(' ');
                last.push_str(line.trim());
            }
            None => lines.push(line.to_owned()),
        }
    }
    lines
}

/// Returns what stands after each word that names somebody, up to the next one.
fn said_in(line: &str) -> Vec<&str> {
    // As long as the line itself, byte for byte.
    let plain: String = line
        .chars()
        .map(|one| match one {
            ' ' | '_' | '\t' => '-',
            other => other.to_ascii_lowercase(),
        })
        .collect();
    let mut found: Vec<(usize, usize)> = Vec::new();
    for says in SAYS {
        for (begins, _) in plain.match_indices(says) {
            let rest = &plain[begins + says.len()..];
            let colon = rest.len() - rest.trim_start_matches('-').len();
            if rest[colon..].starts_with(':') {
                found.push((begins, begins + says.len() + colon + 1));
            }
        }
    }
    found.sort_unstable();
    let ends = found.iter().skip(1).map(|next| next.0).chain([line.len()]);
    found.iter().zip(ends).map(|((_, from), until)| line[*from..until.max(*from)].trim()).collect()
}

/// Returns whom such a line names: each address in it, or nobody's where it has none.
fn named_by(value: &str) -> Vec<CoAuthor> {
    let outside = |one: char| one.is_whitespace() || "<>()[]{},;:\"'`".contains(one);
    let words = value.split(outside).map(|word| word.trim_matches('.'));
    let addresses: Vec<&str> = words.filter(|word| is_address(word)).collect();
    let name = value.split(['<', '(']).next().unwrap_or_default().trim();
    if addresses.is_empty() {
        return vec![CoAuthor { name: name.to_owned(), email: nobodys(value) }];
    }
    let one = |email: &str| CoAuthor { name: name.to_owned(), email: email.to_owned() };
    addresses.into_iter().map(one).collect()
}

fn is_address(word: &str) -> bool {
    word.split_once('@').is_some_and(|(before, after)| !before.is_empty() && !after.is_empty())
}

/// Returns an address for somebody who is named without one: the same for the same name.
fn nobodys(value: &str) -> String {
    let plain =
        |one: char| if one.is_ascii_alphanumeric() { one.to_ascii_lowercase() } else { '-' };
    let name: String = value.chars().take(40).map(plain).collect();
    let name = name.trim_matches('-');
    format!("{}@{NOBODYS}", if name.is_empty() { "nobody" } else { name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emails(message: &str) -> Vec<String> {
        co_authors_in(message).into_iter().map(|one| one.email).collect()
    }

    #[test]
    fn who_is_named_counts_in_whatever_form_and_place() {
        for message in [
            "Hello\n\nCo-authored-by: Anna <anna@bank.example>",
            "Hello\n\nCo-authored-by: anna@bank.example",
            "Hello\n\nco-Authored-BY : Anna <anna@bank.example>",
            "Hello\n\nCo-authored-by: Anna <anna@bank.example>\n\nAnd this is more text.",
            "Hello\nCo-authored-by: anna@bank.example",
            "Hello Co-authored-by: anna@bank.example",
            "Co-authored-by: anna@bank.example",
            "Hello\n\nCo-authored-by: Anna\n <anna@bank.example>",
            "Hello\n\nCo-authored-by:\n\tanna@bank.example",
            "Hello\n\nCo-developed-by: Anna <anna@bank.example>",
            "Hello\n\nPair-programmed-with: Anna <anna@bank.example>",
            "Hello\n\nSigned-off-by: Anna <anna@bank.example>",
            "Hello\n\nCo authored by: Anna (anna@bank.example)",
            "Hello\n\n> * Co_authored_by: \"Anna\" <anna@bank.example>",
            "Hello\r\n\r\nCo-authored-by: Anna <anna@bank.example>\r\n",
            "Ünïcödé ß\n\nCo-authored-by: Änna <anna@bank.example>",
        ] {
            assert_eq!(emails(message), ["anna@bank.example"], "{message:?}");
        }
    }

    #[test]
    fn each_who_is_named_in_a_line_counts() {
        let two = ["a@bank.example", "b@bank.example"];
        assert_eq!(emails("x\n\nCo-authored-by: A <a@bank.example>, B <b@bank.example>"), two);
        let line = "x\n\nCo-authored-by: a@bank.example Signed-off-by: b@bank.example";
        assert_eq!(emails(line), two);
    }

    #[test]
    fn who_is_named_without_an_address_is_nobody_that_is_known() {
        assert_eq!(emails("x\n\nCo-authored-by: Anna Ä."), ["anna@named-without-address.invalid"]);
        assert_eq!(emails("x\n\nCo-authored-by:"), ["nobody@named-without-address.invalid"]);
        assert_eq!(emails("x\n\nCo-authored-by: <>"), ["nobody@named-without-address.invalid"]);
    }

    #[test]
    fn who_only_looked_at_it_wrote_nothing() {
        assert_eq!(emails("x\n\nReviewed-by: Anna <anna@bank.example>"), [""; 0]);
        assert_eq!(emails("Allow a co-author in forms\n\nFixes: PAY-1"), [""; 0]);
    }
}
