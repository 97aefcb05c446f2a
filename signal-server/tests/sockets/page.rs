//! The guest page in a real browser: what it says when it is not let in, and what two of them say to each other.

use hearth_protocol::{InviteSecret, RoomName, ServerMessage};

use crate::browser::{Driver, Page};
use crate::client::{Client, connect};
use crate::{Running, plain, start};

const SECRET: [u8; 16] = [7; 16];

/// A host without a page, and the address of its room.
async fn host(server: &Running, capacity: u32) -> (Client, String) {
    let mut host = connect(server.address).await;
    let hash = InviteSecret::from_random(SECRET).hash().reveal();
    host.say(&format!(r#""type":"create","nick":"Host","capacity":{capacity},"invite_hash":"{hash}""#)).await;
    let ServerMessage::Joined(joined) = host.hear().await else { panic!() };
    (host, room_url(server, &joined.room))
}

fn room_url(server: &Running, room: &RoomName) -> String {
    format!("http://{}/r/{room}", server.address)
}

fn with_secret(url: &str, secret: [u8; 16]) -> String {
    format!("{url}#s={}", InviteSecret::from_random(secret).reveal())
}

async fn join(page: &Page, url: &str, nick: &str) {
    page.open(url).await;
    page.until("window.hearth && !document.querySelector('#join-button').disabled").await;
    page.write("#nick", nick).await;
    page.click("#join-button").await;
}

/// Who knocks, once they do.
async fn knock(host: &mut Client) -> String {
    loop {
        if let ServerMessage::LobbyRequest { peer } = host.hear().await {
            return peer.id.to_string();
        }
    }
}

/// The sentences of one language.
struct Words {
    language: &'static str,
    wrong_link: &'static str,
    no_such_room: &'static str,
    bad_invite: &'static str,
    full: &'static str,
    waiting: &'static str,
    waiting_key: &'static str,
    bad_password: &'static str,
    denied: &'static str,
    kicked: &'static str,
    ended: &'static str,
    home: &'static str,
}

const ENGLISH: Words = Words {
    language: "en-GB",
    wrong_link: "This is not a Hearth link. Ask the host to send it again.",
    no_such_room: "No room with that number. Are you on the same network? If not, ask for the link.",
    bad_invite: "This link doesn't work any more. Ask the host for a new one.",
    full: "The room is full (1 people).",
    waiting: "Waiting for the host to let you in…",
    waiting_key: "Enter the room's password, or wait for the host.",
    bad_password: "Wrong password. Try again.",
    denied: "The host declined your request.",
    kicked: "The host removed you from the room.",
    ended: "The host ended the room.",
    home: "Back to start",
};

const CHINESE: Words = Words {
    language: "zh-CN",
    wrong_link: "链接无效，请主持人重新发送",
    no_such_room: "未找到该会议号，请确认在同一网络，或向主持人索取链接",
    bad_invite: "此链接已失效，请向主持人索取新的链接",
    full: "会议人数已满（1 人）",
    waiting: "请等待主持人准入",
    waiting_key: "输入入会密码，或等待主持人准入",
    bad_password: "密码不正确，请重试",
    denied: "主持人拒绝了您的申请",
    kicked: "您已被移出会议",
    ended: "主持人已结束会议",
    home: "返回首页",
};

async fn check_sentences(words: Words) {
    let server = start(plain()).await;
    let driver = Driver::start().await;
    let page = driver.page(words.language).await;
    let (mut host, url) = host(&server, 12).await;

    page.open(&format!("{url}#s=damaged")).await;
    page.says("#door-fault", words.wrong_link).await;
    join(&page, &format!("http://{}/r/100000000", server.address), "Ann").await;
    page.says("#door-fault", words.no_such_room).await;
    join(&page, &with_secret(&url, [8; 16]), "Ann").await;
    page.says("#door-fault", words.bad_invite).await;
    let (_alone, full) = self::host(&server, 1).await;
    join(&page, &full, "Ann").await;
    page.says("#door-fault", words.full).await;

    // The secret that was refused is forgotten: from the same tab the number alone knocks. Who waits sees and hears
    // themselves.
    join(&page, &url, "Ann").await;
    page.says("#title", words.waiting).await;
    page.until("document.body.dataset.screen === 'wait' && hearth.waiting").await;
    let peer = knock(&mut host).await;
    page.until("document.querySelector('#note .preview.seen video').videoWidth > 0").await;
    page.until("parseFloat(getComputedStyle(document.querySelector('#note .preview'), '::after').backgroundSize) > 1")
        .await;
    page.until("document.querySelector('#knock').hidden").await;
    page.click("#cancel").await;
    page.until("document.body.dataset.screen === 'door'").await;
    assert!(matches!(host.hear().await, ServerMessage::LobbyLeft { id } if id.to_string() == peer));

    // Anyone who waits may say the password instead; a wrong one changes nothing.
    host.say(r#""type":"set_password","password":"hestia""#).await;
    join(&page, &url, "Ann").await;
    knock(&mut host).await;
    page.says("#title", words.waiting_key).await;
    page.write("#key", "vesta").await;
    page.click("#knock button").await;
    page.says("#note-fault", words.bad_password).await;
    page.until("document.body.dataset.screen === 'wait' && hearth.waiting").await;
    page.write("#key", "hestia").await;
    page.click("#knock button").await;
    page.until("document.body.dataset.screen === 'call'").await;
    host.say(r#""type":"set_password""#).await;
    page.evaluate("sessionStorage.clear()").await;
    join(&page, &url, "Ann").await;
    let peer = knock(&mut host).await;
    host.say(&format!(r#""type":"deny","peer":"{peer}""#)).await;
    page.says("#door-fault", words.denied).await;
    page.click("#join-button").await;
    let peer = knock(&mut host).await;
    host.say(&format!(r#""type":"admit","peer":"{peer}""#)).await;
    page.until("document.body.dataset.screen === 'call'").await;
    check_removal(&words, &page, &mut host, &url, &peer).await;
    page.close().await;
    server.stop().await;
}

/// What somebody reads who is removed, and tries to come back.
async fn check_removal(words: &Words, page: &Page, host: &mut Client, url: &str, peer: &str) {
    host.say(&format!(r#""type":"kick","peer":"{peer}""#)).await;
    page.says("#title", words.kicked).await;
    page.says("#again", words.home).await;

    // A link that was changed lets nobody in; and an ended room ends waiting too.
    host.say(&format!(r#""type":"renew_invite","invite":"{}""#, InviteSecret::from_random([9; 16]).reveal())).await;
    host.say(r#""type":"set_password","password":"hestia""#).await;
    join(page, &with_secret(url, SECRET), "Ann").await;
    page.says("#door-fault", words.bad_invite).await;
    // From where somebody was removed no password helps, and none is asked for.
    join(page, url, "Ann").await;
    page.says("#title", words.waiting).await;
    page.until("document.querySelector('#knock').hidden").await;
    knock(host).await;
    host.say(r#""type":"end_room""#).await;
    page.says("#title", words.ended).await;
    page.says("#again", words.home).await; // there is nothing to join
    page.click("#again").await;
    page.until("location.pathname === '/' && window.hearth && !document.querySelector('#room-field').hidden").await;
}

#[tokio::test]
async fn a_guest_reads_why_in_english() {
    check_sentences(ENGLISH).await;
}

#[tokio::test]
async fn a_guest_reads_why_in_chinese() {
    check_sentences(CHINESE).await;
}

#[tokio::test]
async fn guests_talk_and_one_becomes_host_and_lets_another_in() {
    let server = start(plain()).await;
    let driver = Driver::start().await;
    let (ann, bo) = (driver.page("en-GB").await, driver.page("en-GB").await);
    let (mut host, url) = host(&server, 12).await;
    join(&ann, &with_secret(&url, SECRET), "Ann").await;
    ann.until("hearth.peers.length === 1").await;
    ann.click("#chat-button").await;
    ann.write("#chat-text", "before Bo came\n").await;
    ann.until("hearth.chat.length === 1").await;
    join(&bo, &with_secret(&url, SECRET), "Bo").await;
    host.say(r#""type":"leave""#).await;
    ann.until("hearth.role === 'host' && hearth.peers.length === 1 && hearth.peers[0].state === 'connected'").await;
    bo.until("document.querySelector('.tile.host:not(.own)')").await;

    // What is said is text, addresses are links that give nothing away, and what was before is not for who came later.
    ann.write("#chat-text", "<b>hi</b> https://example.org/a. javascript:alert(1)\n").await;
    bo.until("document.querySelector('#unread').textContent === '1'").await;
    let seen = bo.evaluate("return hearth.chat.map(({ nick, text }) => [nick, text])").await;
    assert_eq!(seen, serde_json::json!([["Ann", "<b>hi</b> https://example.org/a. javascript:alert(1)"]]));
    let links = "return [...document.querySelectorAll('#chat-log a, #chat-log b')].map((a) => [a.href, a.rel])";
    assert_eq!(bo.evaluate(links).await, serde_json::json!([["https://example.org/a", "noopener noreferrer"]]));
    bo.click("#chat-button").await;
    bo.until("document.querySelector('#unread').hidden && document.activeElement.id === 'chat-text'").await;
    bo.write("#chat-text", &"长".repeat(10)).await;
    bo.evaluate("document.querySelector('#chat-text').value = 'x'.repeat(5000)").await;
    bo.click("#chat-send").await;
    ann.until("hearth.chat.at(-1).text.length === 4000").await;

    // Marks: the other one's microphone and camera.
    bo.click("nav [data-do=audio]").await;
    bo.click("nav [data-do=video]").await;
    ann.until("document.querySelector('.tile.silent.unseen:not(.own)')?.ariaLabel === 'Bo, muted, camera off'").await;
    bo.until("document.querySelector('.tile.silent.unseen.own')").await;
    ann.until("document.querySelector('.tile.own.speaking')").await; // its microphone beeps once a second

    // The new host hears who knocks, and lets them in.
    let carol = driver.page("en-GB").await;
    join(&carol, &url, "Carol").await;
    ann.until("hearth.lobby.length === 1").await;
    ann.click("#knocks [data-do=admit]").await;
    carol.until("hearth.peers.filter((peer) => peer.state === 'connected').length === 2").await;
    ann.until("!document.querySelector('#knocks li')").await;
    check_badges(&ann).await;
    assert_eq!(carol.evaluate("return hearth.chat").await, serde_json::json!([]));
    for page in [ann, bo, carol] {
        page.close().await;
    }
    server.stop().await;
}

/// On a phone that lies on its side, and with one tile pinned, each name is read within its tile, whatever is marked.
async fn check_badges(page: &Page) {
    page.evaluate("document.querySelector('.tile:not(.own) .pin').click()").await;
    page.resize(844, 390).await;
    page.until(
        "innerHeight < 400 && document.querySelector('#grid.beside') && \
         [...document.querySelectorAll('.tile footer')].every((badge) => { \
           const [inner, outer] = [badge, badge.parentElement].map((one) => one.getBoundingClientRect()); \
           const { clientWidth, scrollWidth } = badge.querySelector('.name'); \
           return inner.left >= outer.left && inner.right <= outer.right && \
             clientWidth >= Math.min(scrollWidth, 20); })",
    )
    .await;
}

/// Everybody sees somebody in the same colour, in the window too, whose tests name the same.
async fn check_colors(page: &Page) {
    page.evaluate("import('/assets/dom.js').then(({ colorOf }) => { window.colorOf = colorOf; })").await;
    page.until("window.colorOf?.('aaaaaaaaaaaaaaaa') === '#4a5aa8' && colorOf('baaaaaaaaaaaaaaa') === '#794a9a'").await;
}

/// Opens the page without a room and makes one, as on a server that lets everybody do that.
pub(crate) async fn start_room(page: &Page, server: &Running, nick: &str) -> String {
    page.open(&format!("http://{}/", server.address)).await;
    page.until("window.hearth && document.querySelector('.preview.seen')").await;
    page.write("#nick", nick).await;
    page.evaluate("document.querySelector('#start').hidden = false").await;
    page.click("#create").await;
    page.until("hearth.role === 'host' && hearth.link").await;
    page.evaluate("return hearth.link").await.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn who_starts_a_room_has_its_link_and_rules_it() {
    let server = start(plain()).await;
    let driver = Driver::start().await;
    let (ann, bo) = (driver.page("en-GB").await, driver.page("zh-CN").await);
    let link = start_room(&ann, &server, "Ann").await;
    assert!(link.contains("/r/") && link.split("#s=").nth(1).is_some_and(|secret| secret.len() == 22), "{link}");
    assert_eq!(ann.evaluate("return location.hash").await, "", "the secret stays out of the address bar");
    join(&bo, &link, "Bo").await;
    bo.until("hearth.peers[0]?.state === 'connected' && hearth.peers[0].role === 'host'").await;

    // What the host orders is said to the server, and what cannot be taken back is asked for first.
    ann.evaluate(
        "window.said = []; const send = WebSocket.prototype.send; \
         WebSocket.prototype.send = function (text) { said.push(JSON.parse(text)); send.call(this, text); };",
    )
    .await;
    ann.click("#people-button").await;
    ann.until("document.querySelectorAll('#people-list li').length === 2").await;
    ann.click("#host-tools [data-do=mute_all]").await;
    ann.click("#lock").await;
    ann.write("#room-password", "soup\n").await;
    ann.until("['mute_all', 'lock', 'set_password'].every((type) => said.some((one) => one.type === type))").await;
    assert_eq!(ann.evaluate("return said.find((one) => one.type === 'set_password').password").await, "soup");
    bo.until("document.body.innerText.includes('Ann 已将全体静音，按 M 解除')").await;
    // Who has no name is the host, in the language's own spacing.
    bo.evaluate(
        "import('/assets/call.js').then(({ call }) => { \
         for (const peer of call.peers.values()) peer.entry.nick = ''; window.nameless = true; })",
    )
    .await;
    bo.until("window.nameless").await;
    ann.click("#host-tools [data-do=mute_all]").await;
    bo.until("document.body.innerText.includes('主持人已将全体静音，按 M 解除')").await;
    ann.click("#people-list [data-do=make_host]").await;
    ann.until("said.at(-1).type === 'make_host' && said.at(-1).peer === hearth.peers[0].id").await;
    server.stop().await;
    for page in [ann, bo] {
        page.close().await;
    }
}

#[tokio::test]
async fn a_host_removes_a_guest_and_ends_an_open_room() {
    let server = start(plain()).await;
    let driver = Driver::start().await;
    let (ann, bo) = (driver.page("en-GB").await, driver.page("zh-CN").await);
    // A number that nobody has yet can be opened from its own page; anybody with the number comes in.
    join(&ann, &format!("http://{}/r/123123123", server.address), "Ann").await;
    ann.says("#door-fault", ENGLISH.no_such_room).await;
    ann.evaluate("document.querySelector('#start').hidden = false").await;
    ann.click("#open").await;
    ann.click("#create").await;
    ann.until("hearth.role === 'host' && hearth.link.endsWith('/r/123123123')").await;
    // Who comes without the password is asked for it; only a wrong one is called wrong.
    ann.click("#people-button").await;
    ann.write("#room-password", "soup\n").await;
    ann.until("document.querySelector('#room-password').placeholder.startsWith('A password is set')").await;
    join(&bo, &format!("http://{}/r/123123123", server.address), "Bo").await;
    bo.says("#door-fault", "此会议设有入会密码").await;
    bo.write("#password", "soap\n").await;
    bo.says("#door-fault", CHINESE.bad_password).await;
    bo.write("#password", "soup\n").await;
    bo.until("hearth.peers[0]?.state === 'connected'").await;
    bo.says("nav .room", "会议号 123-123-123").await;

    ann.click("#people-list [data-do=kick]").await;
    ann.click("#ask button").await;
    bo.says("#title", CHINESE.kicked).await;
    ann.until("hearth.peers.length === 0").await;
    ann.click("#host-tools [data-do=end_room]").await;
    ann.click("#ask button").await;
    ann.says("#title", ENGLISH.ended).await;
    for page in [ann, bo] {
        page.close().await;
    }
    server.stop().await;
}

/// Each is sent what they look at: nothing while the page is hidden, and no more lines than there are.
async fn check_watching(ann: &Page, bo: &Page) {
    let hide = |value| {
        format!(
            "Object.defineProperty(document, 'hidden', {{ value: {value}, configurable: true }}); \
             document.dispatchEvent(new Event('visibilitychange'))"
        )
    };
    ann.until("hearth.sent[0]?.active && hearth.sent[0].scaleResolutionDownBy === 1").await;
    bo.evaluate(&hide(true)).await;
    ann.until("hearth.sent[0].active === false").await;
    bo.evaluate(&hide(false)).await;
    ann.until("hearth.sent[0].active").await;
    bo.resize(400, 360).await;
    ann.until("hearth.sent[0].scaleResolutionDownBy > 1").await;
    bo.resize(1100, 760).await;
    ann.until("hearth.sent[0].scaleResolutionDownBy === 1").await;
}

#[tokio::test]
async fn every_control_of_the_call_is_felt_by_the_others() {
    let server = start(plain()).await;
    let driver = Driver::start().await;
    let (ann, bo) = (driver.page("en-GB").await, driver.page("en-GB").await);
    let link = start_room(&ann, &server, "Ann").await;
    join(&bo, &link, "Bo").await;
    bo.until("hearth.peers[0]?.state === 'connected' && document.querySelector('.tile.seen:not(.own)')").await;

    ann.until("document.querySelector('#grid.pair > .own')").await;
    bo.says("nav [data-do=audio] span", "Mute").await;
    check_colors(&bo).await;

    // The hand, and who reads the page aloud says so.
    bo.click("nav [data-do=hand]").await;
    ann.until("hearth.peers[0].hand && document.querySelector('.tile.raised:not(.own)')").await;
    ann.says("#live", "Bo raised a hand.").await;
    bo.press("r").await;
    ann.until("!hearth.peers[0].hand").await;

    check_watching(&ann, &bo).await;

    // The shared screen takes the camera's place, is seen large, and gives it back.
    bo.click("nav [data-do=share]").await;
    bo.until("!document.querySelector('#sharing').hidden").await;
    ann.until("hearth.peers[0].media.screen && document.querySelector('.tile.sharing.featured.seen:not(.own)')").await;
    ann.says(".tile.sharing .name", "Bo is sharing").await;
    bo.click("#sharing button").await;
    ann.until("!hearth.peers[0].media.screen && document.querySelector('.tile.seen:not(.own):not(.featured)')").await;

    // Space talks while it is held, and fires no button; letters do nothing while somebody types.
    bo.click("nav [data-do=audio]").await;
    ann.until("!hearth.peers[0].media.audio").await;
    bo.says("nav [data-do=audio] span", "Unmute").await;
    bo.hold(" ", true).await;
    ann.until("hearth.peers[0].media.audio").await;
    bo.hold(" ", false).await;
    ann.until("!hearth.peers[0].media.audio").await;
    bo.click("#chat-button").await;
    bo.write("#chat-text", "dmv\n").await;
    ann.until("hearth.chat[0]?.text === 'dmv' && !hearth.peers[0].media.screen && hearth.peers[0].media.video").await;
    bo.press("\u{e00c}").await; // Escape
    bo.until("document.querySelector('#chat').hidden && document.activeElement.id === 'chat-button'").await;

    change_the_microphone(&bo).await;

    // A tile is pinned by its button, it shows how good the connection is, and leaving is at once.
    ann.evaluate("document.querySelector('.tile:not(.own) .pin').click()").await;
    ann.until("document.querySelector('.tile.featured:not(.own) .pin[aria-pressed=true]')").await;
    ann.until("document.querySelector('.tile:not(.own) .quality:not([data-grade=\"\"])')?.title.includes('direct')")
        .await;
    bo.click("nav [data-do=leave]").await;
    bo.says("#title", "You left the room.").await;
    bo.says("#again", "Join again").await;
    ann.until("hearth.peers.length === 0 && document.querySelector('#live').textContent === 'Bo left.'").await;
    for page in [ann, bo] {
        page.close().await;
    }
    server.stop().await;
}

/// Devices are changed in the call, and remembered.
async fn change_the_microphone(bo: &Page) {
    bo.press("?").await;
    bo.until(
        "document.querySelector('#settings').open && document.querySelectorAll('[data-pick=audio] option').length > 1",
    )
    .await;
    bo.evaluate(
        "const pick = document.querySelector('[data-pick=audio]'); pick.selectedIndex = pick.options.length - 1; \
         window.wish = pick.value; pick.dispatchEvent(new Event('change', { bubbles: true }));",
    )
    .await;
    bo.until("JSON.parse(localStorage.getItem('devices')).chosen.audio === wish").await;
    bo.click("#settings button").await;
    bo.until("document.querySelector('#door #pickers') && !document.querySelector('#settings').open").await;
}
