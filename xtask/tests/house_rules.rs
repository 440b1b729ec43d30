//! Goal: the house rules hold for this repository. Method: the same checks that `cargo xtask tidy` runs.

#[test]
fn the_repository_is_tidy() {
    if let Err(failure) = xtask::tidy::run() {
        panic!("\n{failure}");
    }
}
