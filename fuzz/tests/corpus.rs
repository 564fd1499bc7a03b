//! Runs the laws over the corpus without a fuzzer. So every input that once violated a law is
//! tested again.

use std::fs;
use std::path::Path;

use bulla_fuzz::laws::ALL;

#[test]
fn every_law_holds_for_the_corpus_of_every_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut inputs = 0;
    for (target, _) in ALL {
        for entry in fs::read_dir(corpus.join(target)).unwrap() {
            let path = entry.unwrap().path();
            eprintln!("{}", path.display()); // shown if a law panics
            let input = fs::read(path).unwrap();
            ALL.iter().for_each(|(_, law)| law(&input));
            inputs += 1;
        }
    }
    assert!(inputs > 50, "{inputs}");
}

#[test]
fn the_corpus_in_the_repository_is_smaller_than_200_kb() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let files =
        fs::read_dir(corpus).unwrap().flat_map(|dir| fs::read_dir(dir.unwrap().path()).unwrap());
    let bytes: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < 200_000, "{bytes} bytes");
}
