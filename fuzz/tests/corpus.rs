//! The laws over the corpus, without a fuzzer: what once broke one stays mended.

use std::fs;
use std::path::Path;

use bulla_fuzz::laws::ALL;

#[test]
fn every_law_holds_for_its_corpus_and_for_that_of_the_others() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut inputs = 0;
    for (target, _) in ALL {
        for entry in fs::read_dir(corpus.join(target)).unwrap() {
            let path = entry.unwrap().path();
            eprintln!("{}", path.display()); // shown when a law does not hold
            let input = fs::read(path).unwrap();
            ALL.iter().for_each(|(_, law)| law(&input));
            inputs += 1;
        }
    }
    assert!(inputs > 50, "{inputs}");
}

#[test]
fn what_is_kept_in_the_repository_is_small() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let files =
        fs::read_dir(corpus).unwrap().flat_map(|dir| fs::read_dir(dir.unwrap().path()).unwrap());
    let bytes: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < 200_000, "{bytes} bytes");
}
