//! The tree against the RFC 6962 vectors and against the recursive definitions, read literally.

use proptest::prelude::*;

use super::*;

/// The eight leaves of the reference vectors of Certificate Transparency.
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

/// Roots of the trees of 1 to 8 of those leaves.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn reference() -> MemoryTree {
    LEAVES.iter().map(|leaf| Hash::leaf(&hex::decode(leaf).unwrap())).collect()
}

fn head(size: usize) -> TreeHead {
    TreeHead { size: size as u64, root: ROOTS[size - 1].parse().unwrap() }
}

fn hashes(digits: &[&str]) -> Vec<Hash> {
    digits.iter().map(|digits| digits.parse().unwrap()).collect()
}

#[test]
fn roots_are_those_of_the_reference_vectors() {
    let mut frontier = Frontier::new();
    assert_eq!(frontier.head(), TreeHead::empty());
    for (leaf, root) in LEAVES.iter().zip(ROOTS) {
        frontier.push(Hash::leaf(&hex::decode(leaf).unwrap()));
        assert_eq!(frontier.root().to_string(), root);
    }
    assert_eq!(Frontier::read(8, reference()).unwrap(), frontier);
}

#[test]
fn inclusion_proofs_are_those_of_the_reference_vectors() {
    let proof = inclusion_proof(8, 5, reference()).unwrap();
    let expected = hashes(&[
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]);
    assert_eq!(proof, expected);
    let leaf = Hash::leaf(&hex::decode(LEAVES[5]).unwrap());
    assert_eq!(verify_inclusion(&leaf, 5, &proof, &head(8)), Ok(()));
    assert!(verify_inclusion(&leaf, 4, &proof, &head(8)).is_err());
    assert!(verify_inclusion(&leaf, 5, &proof, &head(7)).is_err());
}

#[test]
fn consistency_proofs_are_those_of_the_reference_vectors() {
    let proof = consistency_proof(6, 8, reference()).unwrap();
    let expected = hashes(&[
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]);
    assert_eq!(proof, expected);
    assert_eq!(verify_consistency(&head(6), &head(8), &proof), Ok(()));
}

#[test]
fn a_tree_extends_the_empty_tree_and_itself_without_hashes() {
    assert_eq!(consistency_proof(0, 8, reference()), Ok(vec![]));
    assert_eq!(consistency_proof(8, 8, reference()), Ok(vec![]));
    assert_eq!(verify_consistency(&TreeHead::empty(), &head(8), &[]), Ok(()));
    assert_eq!(verify_consistency(&head(8), &head(8), &[]), Ok(()));
    let forged = TreeHead { root: Hash::ZERO, ..head(8) };
    assert!(matches!(
        verify_consistency(&head(8), &forged, &[]),
        Err(ProofError::WrongRoot { size: 8, .. })
    ));
    let unpadded = verify_consistency(&head(8), &head(8), &[Hash::ZERO]);
    assert_eq!(unpadded, Err(ProofError::WrongLength { found: 1 }));
}

#[test]
fn a_tree_does_not_extend_a_larger_one() {
    let shrunk = ProofError::Shrunk { old: 8, new: 7 };
    assert_eq!(consistency_proof(8, 7, reference()), Err(shrunk.clone()));
    assert_eq!(verify_consistency(&head(8), &head(7), &[]), Err(shrunk));
}

#[test]
fn a_hash_that_is_not_there_is_named() {
    let missing = inclusion_proof(9, 0, reference());
    assert_eq!(missing, Err(ProofError::Missing { level: 0, index: 8 }));
    let outside = inclusion_proof(8, 8, reference());
    assert_eq!(outside, Err(ProofError::OutOfRange { index: 8, size: 8 }));
}

/// MTH of RFC 6962 section 2.1.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(naive_split(leaves.len()));
            Hash::node(&naive_root(left), &naive_root(right))
        }
    }
}

/// PATH of RFC 6962 section 2.1.1.
fn naive_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return vec![];
    }
    let at = naive_split(leaves.len());
    let (left, right) = leaves.split_at(at);
    let (mut path, sibling) = if index < at {
        (naive_path(index, left), naive_root(right))
    } else {
        (naive_path(index - at, right), naive_root(left))
    };
    path.push(sibling);
    path
}

/// SUBPROOF of RFC 6962 section 2.1.2.
fn naive_subproof(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole { vec![] } else { vec![naive_root(leaves)] };
    }
    let at = naive_split(leaves.len());
    let (left, right) = leaves.split_at(at);
    let (mut proof, sibling) = if old <= at {
        (naive_subproof(old, left, whole), naive_root(right))
    } else {
        (naive_subproof(old - at, right, false), naive_root(left))
    };
    proof.push(sibling);
    proof
}

fn naive_split(length: usize) -> usize {
    let mut at = 1;
    while at * 2 < length {
        at *= 2;
    }
    at
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|number| Hash::leaf(&number.to_be_bytes())).collect()
}

fn head_of(leaves: &[Hash]) -> TreeHead {
    TreeHead { size: leaves.len() as u64, root: naive_root(leaves) }
}

#[test]
fn every_small_tree_agrees_with_the_recursive_definitions() {
    let all = leaves(40);
    let tree: MemoryTree = all.iter().copied().collect();
    for size in 0..=all.len() {
        let leaves = &all[..size];
        let head = head_of(leaves);
        let frontier = Frontier::read(size as u64, &tree).unwrap();
        assert_eq!(frontier.head(), head);
        for index in 0..size {
            let proof = inclusion_proof(head.size, index as u64, &tree).unwrap();
            assert_eq!(proof, naive_path(index, leaves));
            assert_eq!(verify_inclusion(&leaves[index], index as u64, &proof, &head), Ok(()));
        }
        for old in 1..=size {
            let proof = consistency_proof(old as u64, head.size, &tree).unwrap();
            assert_eq!(proof, naive_subproof(old, leaves, true));
            assert_eq!(verify_consistency(&head_of(&all[..old]), &head, &proof), Ok(()));
        }
    }
}

/// Every way of spoiling a proof by one step: a bit, a hash too few, one too many, two swapped.
fn spoiled(proof: &[Hash], at: usize) -> Vec<Vec<Hash>> {
    let mut variants = vec![[proof, &[Hash::ZERO]].concat()];
    if let Some(hash) = proof.get(at % proof.len().max(1)) {
        let at = at % proof.len();
        let mut bytes = *hash.as_bytes();
        bytes[at % 32] ^= 1;
        let mut flipped = proof.to_vec();
        flipped[at] = Hash::from_bytes(bytes);
        variants.push(flipped);
        variants.push([&proof[..at], &proof[at + 1..]].concat());
        if at > 0 {
            let mut swapped = proof.to_vec();
            swapped.swap(at - 1, at);
            variants.push(swapped);
        }
    }
    variants
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_spoiled_inclusion_proof_is_refused(
        (size, index) in (1_usize..700).prop_flat_map(|size| (Just(size), 0..size)),
        at in 0_usize..64,
    ) {
        let all = leaves(size);
        let tree: MemoryTree = all.iter().copied().collect();
        let head = tree.frontier().head();
        prop_assert_eq!(head, head_of(&all));
        let proof = inclusion_proof(head.size, index as u64, &tree).unwrap();
        prop_assert_eq!(verify_inclusion(&all[index], index as u64, &proof, &head), Ok(()));
        prop_assert!(verify_inclusion(&Hash::ZERO, index as u64, &proof, &head).is_err());
        for bad in spoiled(&proof, at) {
            prop_assert!(verify_inclusion(&all[index], index as u64, &bad, &head).is_err());
        }
    }

    #[test]
    fn a_spoiled_consistency_proof_is_refused(
        (new, old) in (1_usize..700).prop_flat_map(|new| (Just(new), 1..=new)),
        at in 0_usize..64,
    ) {
        let all = leaves(new);
        let tree: MemoryTree = all.iter().copied().collect();
        let (old, new) = (head_of(&all[..old]), tree.frontier().head());
        let proof = consistency_proof(old.size, new.size, &tree).unwrap();
        prop_assert_eq!(verify_consistency(&old, &new, &proof), Ok(()));
        let forged = TreeHead { root: Hash::ZERO, ..old };
        prop_assert!(verify_consistency(&forged, &new, &proof).is_err());
        for bad in spoiled(&proof, at) {
            prop_assert!(verify_consistency(&old, &new, &bad).is_err());
        }
    }
}
