//! The models of `call::fuzz`, driven at random and by the committed corpus.
use proptest::prelude::*;
use std::fs;
use std::path::Path;

fn steps(first: u8) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<(u8, u8)>(), 0..150).prop_map(move |steps| {
        let mut bytes = vec![first];
        bytes.extend(steps.iter().flat_map(|(what, how)| [*what, *how]));
        bytes
    })
}

proptest! {
    // What fails here goes into the corpus, where it is replayed for ever.
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// One phone and signals in any order.
    #[test]
    fn nothing_breaks_a_phone(bytes in steps(0)) {
        call::fuzz::call(&bytes);
    }

    /// Two phones at an exchange that transfers, parks, refuses and fails.
    #[test]
    fn nobody_gets_lost(bytes in steps(2)) {
        call::fuzz::call(&bytes);
    }

    /// Two phones, and signals that cross.
    #[test]
    fn two_phones_converge(bytes in steps(1)) {
        call::fuzz::call(&bytes);
    }
}

#[test]
fn corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/call");
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 8, "the corpus is there");
    for file in files {
        call::fuzz::call(&fs::read(file).unwrap());
    }
}
