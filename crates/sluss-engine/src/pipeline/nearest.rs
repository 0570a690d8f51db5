//! The nearest right spelling of a word.

/// Returns the candidate that `word` is most likely a misspelling of, if any is near enough.
pub(super) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let length = word.chars().count();
    let most = (length / 3).max(1);
    if length > LONGEST {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= most)
        .map(|candidate| (distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Returns how many letters must be put in, left out, replaced or swapped with their neighbour to
/// turn one word into the other (Damerau and Levenshtein, each letter touched once).
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=other.len() {
            let replaced = last[j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let mut least = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            let swapped =
                i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1];
            if swapped {
                least = least.min(before_last[j - 2] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[other.len()]
}

/// A word longer than this is no misspelling of ours.
const LONGEST: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_put_in_left_out_replaced_or_swapped_count_one() {
        for (one, other, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("needs", "needs", 0),
            ("need", "needs", 1),
            ("nedes", "needs", 1),
            ("noods", "needs", 2),
            ("timeout", "retries", 7),
        ] {
            assert_eq!(distance(one, other), expected, "{one} and {other}");
            assert_eq!(distance(other, one), expected, "{other} and {one}");
        }
    }

    #[test]
    fn only_a_near_word_is_proposed() {
        let words = ["service", "product", "template", "with", "steps"];
        assert_eq!(nearest("servcie", words), Some("service"));
        assert_eq!(nearest("Service", words), Some("service"));
        assert_eq!(nearest("wiht", words), Some("with"));
        assert_eq!(nearest("jobs", words), None);
        assert_eq!(nearest(&"s".repeat(100_000), words), None);
    }
}
