//! Rust std: reading a file, maps, sorting, formatting, closures, checked arithmetic.
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Write};

fn main() {
    let path = std::env::args().nth(1).expect("a file name");
    let text = fs::read_to_string(&path).expect("readable");
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for word in text.split_whitespace() {
        *counts.entry(word).or_insert(0) += 1;
    }
    let mut sorted: Vec<_> = counts.into_iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let out = io::stdout();
    let mut out = out.lock();
    for (word, count) in sorted.iter().take(20) {
        writeln!(out, "{:>8} {}", count, word).unwrap();
    }
    let by_length: BTreeMap<usize, usize> = sorted.iter().fold(BTreeMap::new(), |mut map, (word, count)| {
        *map.entry(word.len()).or_default() += count;
        map
    });
    writeln!(out, "{:?}", by_length).unwrap();
    let sum: f64 = sorted.iter().map(|(_, c)| (*c as f64).sqrt()).sum();
    writeln!(out, "{:.9} {:e}", sum, sum / 3.0).unwrap();
    writeln!(out, "{:?}", 200u8.checked_add(100)).unwrap();
    fs::write("copy.txt", &text[..1000]).expect("writable");
    writeln!(out, "{}", fs::metadata("copy.txt").unwrap().len()).unwrap();
    match fs::read_to_string("../outside.txt") {
        Ok(_) => writeln!(out, "escaped").unwrap(),
        Err(_) => writeln!(out, "stayed inside").unwrap(),
    }
    std::process::exit(3);
}
