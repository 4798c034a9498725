//! Every panel draws, whatever the colours and the width; a dead host shows; names are text; the page asks nobody but its server.

use serde_json::{Value, json};

use super::chromium::Chromium;
use super::feed::Feed;

/// What a server could call a datacenter.
const HOSTILE: &str = "<img src=x onerror=\"window.taken=1\"></script>";

/// The cards of the dashboard that is shown: state, how many rows and how long the paths are, and what they say.
const CARDS: &str = r#"board.cards().map((card) => ({
    panel: card.panel.title,
    form: card.panel.form,
    state: card.element.dataset.state,
    names: card.rows.map((row) => row.name),
    drawn: [...card.element.querySelectorAll('path')].map((path) => (path.getAttribute('d') ?? '').length)
        .reduce((sum, length) => sum + length, 0),
    marks: card.element.querySelectorAll('.grid text').length,
    quiet: card.quiet,
    text: card.element.textContent,
    legend: card.legend.textContent,
    now: card.now.textContent,
}))"#;

/// Whether the page has come to rest: every card of the dashboard that is shown has something to say, and its chart is drawn up
/// to the moment of the view, as wide as its place is now. Browsers tell what is in sight and how wide it is with the next
/// frame, which may be late.
const AT_REST: &str = "board.cards().every((card) => ['drawn', 'zero'].includes(card.element.dataset.state)
    && (!card.chart || (card.chart.drawn && card.chart.drawn.to === board.view.to && card.visible
        && card.chart.width === Math.max(160,
            Math.floor(card.element.querySelector('.figure').getBoundingClientRect().width)))))";

#[test]
#[ignore = "needs a Chromium in CHORUS_CHROMIUM"]
fn browser_draws_every_panel_and_shows_a_host_that_died() {
    let mut feed = Feed::start(HOSTILE);
    let mut chromium = Chromium::start();
    let address = feed.address().expect("it serves");
    chromium.resize(1440, 9000, false);
    chromium.open(&format!("http://{address}/"));
    chromium.wait_for("poll.state === 'live' && history.next >= 4");
    let dead = feed.host(1);
    feed.cluster.stop_node(1);
    chromium.wait_for(&format!(
        "history.of('chorus_node_up').some((series) => series.labels.get('node') === '{dead}' \
        && at(series, history, history.newest) === 0)"
    ));
    let tabs = strings(&chromium.value("board.boards.map((known) => known.id)"));
    assert_eq!(tabs, ["overview", "hosts", "actors", "bulk"]);
    let mut panels = 0;
    for tab in &tabs {
        show(&mut chromium, tab);
        chromium.wait_for(&format!("{CARDS}.every((card) => card.drawn > 0 || card.form === 'number')"));
        panels += every_card_drew(&chromium.value(CARDS), tab);
    }
    assert_eq!(panels, chorus::metrics::catalog::DASHBOARDS.iter().flat_map(|known| known.panels()).count());

    the_dead_host_is_in_its_panels(&mut chromium, &dead);
    nothing_is_wider_than_the_window(&mut chromium, &tabs);
    hosts_are_filtered(&mut chromium, &feed.host(0));
    a_pause_holds_the_picture(&mut chromium);
    values_are_shown_to_mouse_finger_and_keys(&mut chromium);

    assert_eq!(chromium.value("document.querySelectorAll('img').length + (window.taken ?? 0)"), json!(0));
    let origin = format!("http://{address}/");
    let elsewhere: Vec<String> = chromium.requests();
    let elsewhere: Vec<&String> =
        elsewhere.iter().filter(|url| !url.starts_with(&origin) && !url.starts_with("data:")).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    assert_eq!(chromium.complaints(), Vec::<String>::new());

    a_silent_endpoint_is_told_and_comes_back(&mut chromium, &mut feed);
}

fn show(chromium: &mut Chromium, tab: &str) {
    chromium.value(&format!("document.getElementById('tab-{tab}').click()"));
    chromium.wait_for(&format!(
        "board.shown === '{tab}' && !document.getElementById('page-{tab}').hidden && {AT_REST}"
    ));
}

fn every_card_drew(cards: &Value, tab: &str) -> usize {
    let cards = cards.as_array().expect("a list");
    for card in cards {
        let panel = format!("{tab}: {}", card["panel"]);
        let state = card["state"].as_str().expect("a word");
        assert!(matches!(state, "drawn" | "zero"), "{panel} is {state}: {}", card["text"]);
        let rows =
            card["names"].as_array().expect("a list").len() as u64 + card["quiet"].as_u64().expect("a count");
        assert!(rows > 0, "{panel} has no rows");
        if card["form"] != "number" {
            assert!(card["marks"].as_u64().expect("a count") >= 2, "{panel} has no axis");
        }
    }
    cards.len()
}

fn card(chromium: &mut Chromium, title: &str) -> Value {
    let cards = chromium.value(CARDS);
    let found = cards.as_array().expect("a list").iter().find(|card| card["panel"] == title).cloned();
    found.unwrap_or_else(|| panic!("no panel {title}"))
}

/// Waits until the legend of a panel says something.
fn wait_for_legend(chromium: &mut Chromium, title: &str, entry: &str) {
    let (title, entry) = (json!(title), json!(entry));
    chromium.wait_for(&format!(
        "board.cards().find((card) => card.panel.title === {title}).legend.textContent.includes({entry})"
    ));
}

fn the_dead_host_is_in_its_panels(chromium: &mut Chromium, dead: &str) {
    show(chromium, "hosts");
    for panel in ["Up", "Connections", "In flight by host"] {
        wait_for_legend(chromium, panel, &format!("{dead}0"));
    }
    wait_for_legend(chromium, "Status changes", &format!("{dead} down1"));
    wait_for_legend(chromium, "Members", "up2");
    wait_for_legend(chromium, "Members", "down1");
    let who = card(chromium, "Who is who")["text"].as_str().expect("text").to_owned();
    assert!(who.contains(HOSTILE), "{who}");
    show(chromium, "overview");
    assert_eq!(card(chromium, "Hosts up")["now"], json!("2"));
}

/// On every tab, in both colours, as wide as a desk and as a phone.
fn nothing_is_wider_than_the_window(chromium: &mut Chromium, tabs: &[String]) {
    for (width, phone) in [(1440, false), (360, true)] {
        chromium.resize(width, 9000, phone);
        chromium.wait_for(&format!("innerWidth === {width} && {AT_REST}"));
        for colours in ["dark", "light"] {
            chromium.prefer(&[("prefers-color-scheme", colours), ("prefers-reduced-motion", "reduce")]);
            for tab in tabs {
                show(chromium, tab);
                let wide = chromium.value(
                    "[...document.querySelectorAll('body *')].filter((element) => !element.closest('#tabs, .unseen, svg') \
                     && element.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5) \
                     .map((element) => element.outerHTML.slice(0, 120))",
                );
                assert_eq!(wide, json!([]), "{tab} in {width} pixels");
                let scrolls = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
                assert_eq!(chromium.value(scrolls), json!(0), "{tab} in {width} pixels");
                every_card_drew(&chromium.value(CARDS), tab);
                let paper = chromium.value("getComputedStyle(document.body).backgroundColor");
                assert_eq!(paper == "rgb(14, 18, 23)", colours == "dark", "{paper}");
            }
        }
        let beat = "getComputedStyle(document.querySelector('#state i')).animationName";
        assert_eq!(chromium.value(beat), json!("none"), "motion was not wanted");
    }
    chromium.prefer(&[]);
    chromium.resize(1440, 9000, false);
    chromium.wait_for(&format!("innerWidth === 1440 && {AT_REST}"));
}

fn hosts_are_filtered(chromium: &mut Chromium, host: &str) {
    show(chromium, "hosts");
    let choose = |host: &str| {
        format!("place('host').value = '{host}'; place('host').dispatchEvent(new Event('change'))")
    };
    let names = "board.cards().find((card) => card.panel.title === 'Up').rows.map((row) => row.name)";
    chromium.value(&choose(host));
    chromium.wait_for(&format!("{names}.join() === '{host}'"));
    assert!(card(chromium, "Members")["text"].as_str().expect("text").contains("all hosts"));
    chromium.value(&choose(""));
    chromium.wait_for(&format!("{names}.length === 3"));
}

fn a_pause_holds_the_picture(chromium: &mut Chromium) {
    show(chromium, "overview");
    let path =
        "board.cards().find((card) => card.chart).element.querySelector('.lines path').getAttribute('d')";
    chromium.value("place('pause').click()");
    chromium.wait_for(AT_REST);
    let held = chromium.value(path);
    let samples = chromium.value("history.next").as_u64().expect("a count");
    chromium.wait_for(&format!("history.next > {}", samples + 1));
    assert_eq!(chromium.value(path), held, "samples are taken, and nothing moves");
    let end = chromium.value("board.view.to");
    for tab in ["hosts", "overview"] {
        show(chromium, tab);
        assert_eq!(chromium.value("board.view.to"), end, "nor does it when another picture is looked at");
    }
    assert_eq!(chromium.value(path), held);
    chromium.value("place('pause').click()");
    chromium.wait_for(&format!("{path} !== {held}"));
}

fn values_are_shown_to_mouse_finger_and_keys(chromium: &mut Chromium) {
    let chart = "board.cards().find((card) => card.chart).chart.element";
    let in_chart = |chromium: &mut Chromium| {
        let place = chromium.value(&format!(
            "(() => {{ const box = {chart}.getBoundingClientRect(); return [box.right - 14, box.top + 40]; }})()"
        ));
        (place[0].clone(), place[1].clone())
    };
    let shown = "!place('tip').hidden && place('tip').querySelectorAll('li').length >= 2";
    chromium.until(shown, |chromium| {
        let (x, y) = in_chart(chromium);
        chromium.ask("Input.dispatchMouseEvent", json!({ "type": "mouseMoved", "x": x, "y": y }));
    });
    assert_eq!(chromium.value(&format!("{chart}.querySelectorAll('.cursor line').length")), json!(1));
    chromium.ask("Input.dispatchMouseEvent", json!({ "type": "mouseMoved", "x": 1, "y": 1 }));
    chromium.wait_for("place('tip').hidden");
    // Not lifted: that would be a tap, which the browser makes a click of when it likes.
    let no_more = json!({ "type": "touchCancel", "touchPoints": [] });
    let mut touches = false;
    chromium.until(shown, |chromium| {
        if std::mem::replace(&mut touches, true) {
            chromium.ask("Input.dispatchTouchEvent", no_more.clone());
        }
        let (x, y) = in_chart(chromium);
        let finger = json!({ "type": "touchStart", "touchPoints": [{ "x": x, "y": y }] });
        chromium.ask("Input.dispatchTouchEvent", finger);
    });
    chromium.ask("Input.dispatchTouchEvent", no_more);
    chromium.value("board.pointer.leave()");
    chromium.value(&format!("{chart}.focus()"));
    chromium.ask("Input.dispatchKeyEvent", json!({ "type": "keyDown", "key": "ArrowLeft" }));
    chromium.wait_for(shown);
    let spoken = chromium.value("place('spoken').textContent");
    assert!(spoken.as_str().is_some_and(|text| text.contains("/s")), "{spoken}");
    chromium.ask("Input.dispatchKeyEvent", json!({ "type": "keyDown", "key": "Escape" }));
    chromium.wait_for("place('tip').hidden");
    chromium.value("document.activeElement.blur()");
}

fn a_silent_endpoint_is_told_and_comes_back(chromium: &mut Chromium, feed: &mut Feed) {
    let address = feed.address().expect("it serves");
    // None, unless the machine was so busy that an answer took seconds.
    let gaps = chromium.value("board.view.gaps.length").as_u64().expect("a count");
    feed.fall_silent();
    chromium.wait_for("poll.state === 'lost' && !place('banner').hidden");
    let banner = chromium.value("place('banner').textContent");
    assert!(banner.as_str().is_some_and(|text| text.starts_with("Lost the connection since ")), "{banner}");
    assert_eq!(chromium.value("place('state').textContent.trim()"), json!("no answer"));
    assert_eq!(feed.serve(address), address);
    // One more, and another for each answer that took seconds meanwhile.
    chromium.wait_for(&format!(
        "poll.state === 'live' && place('banner').hidden && board.view.gaps.length > {gaps} && {AT_REST}"
    ));
    every_card_drew(&chromium.value(CARDS), "after the silence");
}

fn strings(list: &Value) -> Vec<String> {
    let list = list.as_array().expect("a list").iter();
    list.map(|text| text.as_str().expect("text").to_owned()).collect()
}
