//! The window of samples: what it reads, and that it stays bounded however many series come and go.

use serde_json::json;

use super::chromium::Chromium;
use super::feed::Feed;

#[test]
#[ignore = "needs a Chromium in CHORUS_CHROMIUM"]
fn browser_reads_what_servers_may_say_and_keeps_a_bounded_window() {
    let feed = Feed::quiet();
    let mut chromium = Chromium::start();
    chromium.open(&format!("http://{}/", feed.address().expect("it serves")));

    let text = concat!(
        "# HELP x } of {\n\nx{a=\"b\\\"}c\\\\d\\ne, {f}\",g=\"\"} 1.5e3 1700000000000\nx 2\n",
        "y{le=\"+Inf\"} +Inf\nnonsense\nz{broken 3\nw{a=\"1\"} word\n{} 1\nx{a=\"last\"} NaN",
    );
    let read = chromium.value(&format!(
        "(() => {{
            const found = [];
            eachSample({}, (named, value) => {{
                const {{ name, labels }} = seriesNamed(named);
                found.push([name, Object.fromEntries(labels), String(value)]);
            }});
            return found;
        }})()",
        json!(text)
    ));
    let expected = json!([
        ["x", { "a": "b\"}c\\d\ne, {f}", "g": "" }, "1500"],
        ["x", {}, "2"],
        ["y", { "le": "+Inf" }, "Infinity"],
        ["", {}, "1"],
        ["x", { "a": "last" }, "NaN"],
    ]);
    assert_eq!(read, expected);

    // Hosts that are replaced all the time: those of the last window are there, and no others.
    let churn = chromium.value(
        "(() => {
            const window = new History(100, new Set(['x']));
            for (let scrape = 0; scrape < 5000; scrape += 1) {
                window.add(scrape, `x{node=\"h${scrape >> 2}\"} 1\\nunwanted{node=\"h${scrape}\"} 1`);
            }
            return [window.count, window.of('x').length, window.known.size, window.valuesOf('node').length];
        })()",
    );
    let churn: Vec<u64> = serde_json::from_value(churn).expect("four numbers");
    assert!(churn.iter().all(|count| (20..300).contains(count)), "{churn:?}");

    // Ten thousand series: fewer scrapes of each, the last ones.
    let large = chromium.value(
        "(() => {
            const window = new History(1860, new Set(['x']));
            const text = Array.from({ length: 10000 }, (_, host) => `x{node=\"h${host}\"} `);
            for (let scrape = 0; scrape < 3; scrape += 1) window.add(scrape, text.map((line) => line + scrape).join('\\n'));
            const [first] = window.of('x');
            return [window.capacity, window.capacity * window.count, first.values.length, at(first, window, 1), window.time(1)];
        })()",
    );
    assert_eq!(large, json!([600, 6_000_000, 600, 1, 1]));

    // A clock that is set back begins a new window; a page that was asleep has rates all the same.
    let asleep = chromium.value(
        "(() => {
            const window = new History(100, new Set(['chorus_attempts_total']));
            for (const [time, value] of [[900, 5], [100, 0], [160, 60], [161, 70]]) window.add(time, `chorus_attempts_total ${value}`);
            const track = new Track({ ask: 'rate', metric: 'chorus_attempts_total', by: [] });
            track.follow(window, { stride: 1, range: 10, host: '', span: 300, from: -139, to: 161, admits: () => true });
            return [window.next, window.era, track.points.map((point) => point.values.get('') ?? null)];
        })()",
    );
    assert_eq!(asleep[0], json!(3));
    assert_eq!(asleep[1], json!(2));
    let rates: Vec<Option<f64>> = serde_json::from_value(asleep[2].clone()).expect("a list");
    assert_eq!(rates[0], None);
    assert!((rates[1].expect("over the minute") - 1.0).abs() < 0.4, "{rates:?}");
    assert_eq!(rates[2].map(f64::round), Some(2.0));

    // A longer window has what was before the shorter one; a view of the past has nothing that came after it.
    let windows = chromium.value(
        "(() => {
            const window = new History(400, new Set(['x']));
            const track = new Track({ ask: 'now', metric: 'x', by: [] });
            const look = (span, to) => {
                track.follow(window, { stride: 1, range: 10, host: '', span, from: to - span, to, admits: () => true });
                return [track.points.length, track.points[0].time, track.points.at(-1).time];
            };
            const add = (from, to) => {
                for (let time = from; time <= to; time += 1) window.add(time, `x ${time}`);
            };
            add(1, 350);
            const looks = [look(60, 350), look(300, 350)];
            add(351, 360);
            return [...looks, look(300, 350), look(60, 350), look(60, 360)];
        })()",
    );
    let expected = json!([[61, 290, 350], [301, 50, 350], [301, 50, 350], [61, 290, 350], [61, 300, 360]]);
    assert_eq!(windows, expected);

    let written = chromium.value(
        "[formatted(0, 'seconds'), formatted(0.0000123, 'seconds'), formatted(0.9996, 'seconds'), formatted(75, 'seconds'),
          formatted(999.96, 'per_second'), formatted(12345, 'count'), formatted(1234567, 'count'), formatted(1536, 'bytes'),
          formatted(1048575, 'bytes_per_second'), formatted(0.999999, 'share'), formatted(0.00001, 'share'), formatted(1, 'share'),
          formatted(NaN, 'count')]",
    );
    let expected = json!([
        "0 s",
        "12.3 µs",
        "1 s",
        "1.25 min",
        "1 k/s",
        "12,345",
        "1.23 M",
        "1.5 KiB",
        "1 MiB/s",
        "> 99.99 %",
        "< 0.01 %",
        "100 %",
        "–"
    ]);
    assert_eq!(written, expected);
}
