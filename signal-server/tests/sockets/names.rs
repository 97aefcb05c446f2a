//! Names that are read from right to left, on the guest page in a real browser: nothing around them is turned.

use serde_json::json;

use crate::browser::Driver;
use crate::client::connect;
use crate::page::start_room;
use crate::{plain, start};

/// Hebrew and Arabic: letters alone, which every name may have.
const NAMES: [&str; 2] = ["אבג", "مريم"];

/// Left, right and top of the question's first word, of the name in it, and of a number that is put behind the mark
/// after the name: digits behind letters of that kind would be read with them (UAX #9, rule N1).
const EDGES: &str = "const p = document.querySelector('#ask p'), text = p.firstChild, [name] = arguments; \
    p.style.whiteSpace = 'nowrap'; \
    const at = text.data.indexOf(name), mark = text.data.indexOf('?'); \
    text.splitText(mark + 1).before('12:30'); \
    const box = (node, from, to) => { const range = new Range(); range.setStart(node, from); range.setEnd(node, to); \
      return range.getBoundingClientRect(); }; \
    const parts = [box(text, 0, text.data.indexOf(' ')), box(text, at, at + name.length), box(text.nextSibling, 0, 5)]; \
    return parts.map(({ left, right, top }) => [left, right, top]);";

#[tokio::test]
async fn a_name_from_right_to_left_turns_nothing_around_it() {
    let server = start(plain()).await;
    let driver = Driver::start().await;
    let ann = driver.page("en-GB").await;
    let link = start_room(&ann, &server, "Ann").await;
    let room = link.split("/r/").nth(1).unwrap().split('#').next().unwrap().to_owned();
    ann.click("#people-button").await;
    let mut removed = String::new();
    for name in NAMES {
        let isolated = format!("\u{2068}{name}\u{2069}");
        let mut guest = connect(server.address).await;
        guest.say(&format!(r#""type":"join","room":"{room}","nick":"{name}""#)).await;

        // In sentences: who knocks, who came, who is asked about.
        ann.until("document.querySelector('#knocks li')").await;
        let knock = ann.evaluate("return document.querySelector('#knocks li p').textContent").await;
        assert_eq!(knock, json!(format!("{isolated} asks to join.{removed}")));
        removed = format!(" Same address as {isolated}, whom you removed.");
        ann.click("#knocks [data-do=admit]").await;
        ann.says("#live", &format!("{isolated} joined.")).await;
        ann.click("#people-list [data-do=kick]").await;
        ann.until("document.querySelector('#ask').open").await;
        let edges = ann.evaluate_with(EDGES, &[json!(name)]).await;
        let edges: Vec<[f64; 3]> = serde_json::from_value(edges).unwrap();
        let [word, named, number] = edges[..] else { panic!("{edges:?}") };
        assert!(word[2] == named[2] && named[2] == number[2], "one line: {edges:?}");
        assert!(word[1] <= named[0] && named[1] <= number[0], "in this order: {edges:?}");

        // On a tile, where marks stand beside it.
        let style = "return getComputedStyle(document.querySelector('.tile:not(.own) .name')).unicodeBidi";
        assert_eq!(ann.evaluate(style).await, json!("isolate"));
        ann.click("#ask button").await;
        ann.until("hearth.peers.length === 0 && !document.querySelector('#ask').open").await;
    }
    ann.close().await;
    server.stop().await;
}
