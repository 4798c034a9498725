//! The pictures in `docs/images`. `cargo xtask pictures` takes them; nothing else does.

use std::path::Path;
use std::time::Duration;

use super::chromium::Chromium;
use super::feed::Feed;

/// A reader of the README waits for them.
const LARGEST: usize = 300_000;

#[test]
#[ignore = "needs a Chromium in CHORUS_CHROMIUM"]
fn pictures_are_taken_of_a_cluster_at_work() {
    let feed = Feed::start("athens");
    let mut chromium = Chromium::start();
    chromium.resize(1440, 1180, false);
    chromium.open(&format!("http://{}/", feed.address().expect("it serves")));
    chromium
        .value("[...place('windows').children].find((button) => button.dataset.seconds === '60').click()");
    // A minute with a host that goes in the middle of it and comes back.
    std::thread::sleep(Duration::from_secs(38));
    feed.cluster.stop_node(2);
    std::thread::sleep(Duration::from_secs(10));
    feed.cluster.start_node(2).expect("its port is still free");
    std::thread::sleep(Duration::from_secs(16));
    for (name, colours, tab, size) in [
        ("dashboard-dark", "dark", "overview", (1440, 1100, false)),
        ("dashboard-light", "light", "overview", (1440, 1100, false)),
        ("dashboard-hosts", "light", "hosts", (1440, 1100, false)),
        ("dashboard-load", "dark", "bulk", (1440, 800, false)),
        ("dashboard-phone", "dark", "overview", (360, 760, true)),
    ] {
        let (width, height, phone) = size;
        chromium.resize(width, height, phone);
        chromium.prefer(&[("prefers-color-scheme", colours)]);
        chromium.value(&format!("document.getElementById('tab-{tab}').click()"));
        std::thread::sleep(Duration::from_millis(1200));
        let picture = decoded(&chromium.picture());
        assert!(
            picture.starts_with(b"\x89PNG") && picture.len() < LARGEST,
            "{name}: {} bytes",
            picture.len()
        );
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images");
        std::fs::create_dir_all(&folder).expect("docs is writable");
        std::fs::write(folder.join(name).with_extension("png"), picture).expect("docs is writable");
    }
}

/// Base64, as browsers write it.
fn decoded(text: &str) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.bytes().take_while(|letter| *letter != b'=') {
        let value = LETTERS.iter().position(|known| *known == letter).expect("base64");
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

#[test]
fn base64_is_read() {
    assert_eq!(decoded("Q2hvcnVz"), b"Chorus");
    assert_eq!(decoded("Q2hvcg=="), b"Chor");
}
