//! The checks themselves, on small sources that nobody would want: each finds what it is there to find.

use crate::modules::Modules;
use crate::rooms::{circles, out_of_order, past_the_doors, unused_doors};

const ORDER: &[&str] = &["ground", "walls", "roof"];

fn wrong_order(sources: &[(&str, &str)]) -> Vec<String> {
    out_of_order(&Modules::read(sources.iter().copied()).references(), ORDER, &[("roof", "ground")])
}

fn found_circles(sources: &[(&str, &str)]) -> Vec<String> {
    circles(&Modules::read(sources.iter().copied()).references())
}

#[test]
fn an_import_of_a_later_room_is_found_however_it_is_written() {
    for import in [
        "use crate::roof::Tile;",
        "use crate::{Stone, roof};",
        "use crate::{roof::{self, Tile}};",
        "use crate::roof as top;",
        "use crate::roof::*;",
        "fn f() -> crate::roof::Tile { todo() }",
        "fn f() { info!(tile = %crate::roof::tile(), \"here\"); }",
        "fn f() { let crate::roof::Tile { .. } = tile; }",
        "impl crate::roof::Cover for Stone {}",
    ] {
        let sources = [("ground.rs", import), ("walls.rs", ""), ("roof.rs", "")];
        let wrong = wrong_order(&sources);
        let found = wrong.iter().any(|wrong| wrong.ends_with("roof stands after ground"));
        assert!(found, "{import}: {wrong:?}");
    }
    let down = [("ground.rs", ""), ("walls.rs", "use crate::ground::Stone;"), ("roof.rs", "use crate::walls::Beam;")];
    assert_eq!(wrong_order(&down), Vec::<String>::new());
}

#[test]
fn a_stranger_and_a_room_without_a_place_are_found() {
    let stranger = [("ground.rs", ""), ("roof.rs", "use crate::ground::Stone;")];
    assert_eq!(wrong_order(&stranger), ["roof names ground::Stone, and roof does not know ground"]);
    let shed = [("ground.rs", ""), ("shed.rs", "use crate::ground::Stone;")];
    assert_eq!(wrong_order(&shed), ["shed has no place in the order"]);
}

#[test]
fn what_only_a_unit_test_imports_is_left_out() {
    let text = "#[cfg(test)]\nuse crate::roof::Tile;\n#[cfg(test)]\nmod tests { use crate::roof::Tile; }";
    assert_eq!(wrong_order(&[("ground.rs", text), ("roof.rs", "")]), Vec::<String>::new());
}

#[test]
fn a_module_inside_another_room_needs_a_door() {
    let inside = |import| {
        let sources = [("roof.rs", import), ("walls.rs", "mod beam; pub use beam::Beam;"), ("walls/beam.rs", "")];
        Modules::read(sources)
    };
    for import in [
        "use crate::walls::beam::Beam;",
        "use crate::walls::{beam, Brick};",
        "use crate::{walls::beam::Beam};",
        "use crate::walls; fn f() -> walls::beam::Beam { todo() }",
    ] {
        let modules = inside(import);
        assert_eq!(past_the_doors(&modules, &[]), ["roof reaches into walls::beam of walls"], "{import}");
        assert_eq!(past_the_doors(&modules, &[("walls", "beam", &["roof"])]), Vec::<String>::new());
    }
    // A function may be called like the module it comes from.
    let namesake =
        [("roof.rs", "fn f() { crate::walls::beam(); }"), ("walls.rs", "pub use beam::beam;"), ("walls/beam.rs", "")];
    assert_eq!(past_the_doors(&Modules::read(namesake), &[]), Vec::<String>::new());
    let surface = inside("use crate::walls::Beam;");
    assert_eq!(past_the_doors(&surface, &[]), Vec::<String>::new());
    assert_eq!(unused_doors(&surface, &[("walls", "beam", &["roof"])]), ["roof no longer names walls::beam"]);
}

#[test]
fn a_circle_is_found_inside_a_room_too() {
    let rooms = [("ground.rs", "use crate::walls::Beam;"), ("walls.rs", "use crate::ground::Stone;")];
    assert_eq!(found_circles(&rooms), ["the crate: ground, walls"]);
    let three = [
        ("walls.rs", "mod a; mod b; mod c;"),
        ("walls/a.rs", "use super::b::B;"),
        ("walls/b.rs", "fn f() { super::c::g(); }"),
        ("walls/c.rs", "use crate::walls::{a::A};"),
    ];
    assert_eq!(found_circles(&three), ["walls: a, b, c"]);
}

#[test]
fn a_circle_is_found_through_what_the_parent_hands_on() {
    let sources = [
        ("walls.rs", "mod a; mod b; pub use self::b::B; pub struct Own;"),
        ("walls/a.rs", "use super::{B, Own};"),
        ("walls/b.rs", "use super::a::A;"),
    ];
    assert_eq!(found_circles(&sources), ["walls: a, b"]);
}

#[test]
fn a_parent_and_its_child_are_no_circle() {
    let sources = [("walls.rs", "mod a; use a::A; pub struct Own;"), ("walls/a.rs", "use super::Own;")];
    assert_eq!(found_circles(&sources), Vec::<String>::new());
}
