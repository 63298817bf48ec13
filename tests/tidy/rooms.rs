//! The rooms of the crate, from the ground up, and what is wrong with a reference between modules.

use std::collections::{BTreeMap, BTreeSet};

use crate::modules::{Module, Modules, Reference};

/// From the ground up: a room knows only rooms before it. A new room has its place here, and the place is a decision.
pub(crate) const ORDER: &[&str] = &[
    // The vocabulary: no I/O.
    "causes",
    "level",
    "error_code",
    "sid",
    "catalogue",
    "account",
    "public_url",
    "redact",
    "event",
    "quarantine",
    "intake",
    // What every listener is made of, and every HTTP request of ours.
    "listener",
    "http_client",
    // Counted, kept, shipped.
    "metrics",
    "store",
    "otlp",
    // Our own log and spans, which go where records go.
    "log",
    // What comes in, and what is shown.
    "input",
    "telemetry",
    // What all of them are told.
    "config",
    // The wiring, and the command line that starts it.
    "app",
    "commands",
    "cli",
];

/// Rooms that the order would let know each other, and that do not: they meet in the vocabulary or in the wiring.
pub(crate) const STRANGERS: &[(&str, &str)] = &[
    // The store keeps what it is given; it speaks to nobody and answers no request.
    ("store", "listener"),
    // Counting depends on nothing that listens.
    ("metrics", "listener"),
    // The export reads the backlog, whoever filled it.
    ("otlp", "listener"),
    // Inputs hand to the store and know nothing of what becomes of it there.
    ("input", "otlp"),
    ("telemetry", "otlp"),
    // The page asks for refusals through a trait of its own.
    ("telemetry", "input"),
];

/// The modules of a room that others may name; everything else they get from the room's own surface.
pub(crate) const DOORS: &[(&str, &str, &[&str])] = &[
    ("input", "alerts", &["app", "commands", "config"]),
    ("input", "doctor", &["commands"]),
    ("input", "event_streams", &["config"]),
    ("input", "form", &["commands"]),
    ("input", "reception", &["config"]),
    ("input", "signature", &["commands"]),
    ("input", "webhook", &["app", "config"]),
    ("metrics", "event_series", &["store", "telemetry"]),
];

/// References to a room that stands later, or to a stranger.
pub(crate) fn out_of_order(
    references: &BTreeSet<Reference>,
    order: &[&str],
    strangers: &[(&str, &str)],
) -> Vec<String> {
    let place = |room: &str| order.iter().position(|known| *known == room);
    let wrong = between_rooms(references).filter_map(|(from, to, reference)| {
        let written = format!("{} names {}", path(&reference.from), path(&reference.named));
        match (place(from), place(to)) {
            // The binary and the crate's root see everything.
            _ if from == "main" => None,
            (None, _) => Some(format!("{from} has no place in the order")),
            (_, None) => Some(format!("{to} has no place in the order")),
            (Some(here), Some(there)) if there > here => Some(format!("{written}, and {to} stands after {from}")),
            _ if strangers.contains(&(from, to)) => Some(format!("{written}, and {from} does not know {to}")),
            _ => None,
        }
    });
    wrong.collect::<BTreeSet<_>>().into_iter().collect()
}

/// References to a module inside another room that is no door.
pub(crate) fn past_the_doors(modules: &Modules, doors: &[(&str, &str, &[&str])]) -> Vec<String> {
    let references = modules.references();
    let wrong = between_rooms(&references).filter_map(|(from, to, reference)| {
        let inside = reference.named.get(..2).filter(|inside| modules.has(inside))?;
        if reference.named.len() == 2 && modules.hands_on(&inside[..1], &inside[1]) {
            return None;
        }
        let open = doors.iter().any(|(room, door, to)| *room == inside[0] && *door == inside[1] && to.contains(&from));
        (!open && from != "main").then(|| format!("{} reaches into {} of {to}", path(&reference.from), path(inside)))
    });
    wrong.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Doors that nobody goes through any more.
pub(crate) fn unused_doors(modules: &Modules, doors: &[(&str, &str, &[&str])]) -> Vec<String> {
    let references = modules.references();
    let goes_through = |room: &str, door: &str, visitor: &str| {
        references.iter().any(|reference| {
            reference.from.first().is_some_and(|from| from == visitor)
                && reference.named.first().is_some_and(|to| to == room)
                && reference.named.get(1).is_some_and(|inside| inside == door)
        })
    };
    let all = doors.iter().flat_map(|(room, door, to)| to.iter().map(move |visitor| (*room, *door, *visitor)));
    let unused = all.filter(|(room, door, visitor)| !goes_through(room, door, visitor));
    unused.map(|(room, door, visitor)| format!("{visitor} no longer names {room}::{door}")).collect()
}

/// Modules that lean on each other, each circle once: those that share a parent, with everything below them.
pub(crate) fn circles(references: &BTreeSet<Reference>) -> Vec<String> {
    let mut arrows: BTreeMap<Module, BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
    for Reference { from, to, .. } in references {
        let shared = from.iter().zip(to).take_while(|(one, other)| one == other).count();
        // A module and what is inside it are one thing seen from two sides.
        if let (Some(one), Some(other)) = (from.get(shared), to.get(shared)) {
            arrows.entry(from[..shared].to_vec()).or_default().entry(one).or_default().insert(other);
        }
    }
    let mut circles = Vec::new();
    for (parent, arrows) in &arrows {
        let reached: BTreeMap<&str, _> = arrows.keys().map(|module| (*module, reachable(arrows, module))).collect();
        let together = reached.keys().map(|one| {
            let both = |other: &&&str| reached[*one].contains(**other) && reached[**other].contains(*one);
            reached.keys().filter(both).copied().collect::<Vec<_>>()
        });
        let together: BTreeSet<_> = together.filter(|circle| circle.len() > 1).collect();
        circles.extend(together.iter().map(|circle| format!("{}: {}", path(parent), circle.join(", "))));
    }
    circles
}

/// Whatever can be come to from `module`, itself only by a way back.
fn reachable<'a>(arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>, module: &'a str) -> BTreeSet<&'a str> {
    let (mut found, mut open) = (BTreeSet::new(), vec![module]);
    while let Some(module) = open.pop() {
        open.extend(arrows.get(module).into_iter().flatten().copied().filter(|next| found.insert(*next)));
    }
    found
}

fn between_rooms(references: &BTreeSet<Reference>) -> impl Iterator<Item = (&str, &str, &Reference)> {
    references.iter().filter_map(|reference| {
        let (from, to) = (reference.from.first()?.as_str(), reference.named.first()?.as_str());
        (from != to).then_some((from, to, reference))
    })
}

fn path(module: &[String]) -> String {
    if module.is_empty() { "the crate".to_owned() } else { module.join("::") }
}
