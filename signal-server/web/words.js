// Every sentence that a person reads, in English and Chinese. No other file holds text.

const WORDS = {
  en: {
    your_name: "Your name", room_number: "Room number", join: "Join", joining: "Joining…", again: "Join again", cancel: "Cancel",
    you: "You", guest: "Guest", host: "Host", alone: "Nobody else is here yet.", hear: "Turn on sound",
    room: "Room {room}",
    preview_wait: "Your browser will ask for camera and microphone. You can join without them.",
    preview_off: "Camera off",
    mic_off: "Mute (M)", mic_on: "Unmute (M)", camera_off: "Turn camera off (V)", camera_on: "Turn camera on (V)", leave: "Leave",
    is_muted: "muted", is_unseen: "camera off",
    chat: "Chat", chat_key: "Chat (C)", chat_unread: "Chat (C), {n} unread", chat_write: "Write to everybody",
    chat_empty: "Everybody who is in the room reads this. Nothing is kept.", send: "Send", close: "Close",
    knocks: "{name} wants to come in.", admit: "Let in", deny: "Not now", admit_name: "Let {name} in", deny_name: "Do not let {name} in",
    waiting: "The host will let you in.",
    no_devices: "No camera or microphone found. You can still join.",
    devices_denied: "Camera and microphone access is off. Open system settings. Or allow them in the address bar.",
    no_camera: "No camera found. You can still join.",
    camera_denied: "Camera access is off. Open system settings. Or allow it in the address bar.",
    camera_in_use: "The camera is being used by another app. Close it, then try again.",
    no_mic: "No microphone found. You can still join.",
    mic_denied: "Microphone access is off. Open system settings. Or allow it in the address bar.",
    mic_in_use: "The microphone is being used by another app. Close it, then try again.",
    insecure: "This browser gives no camera or microphone to a page without https. You can still see and hear.",
    no_rtc: "This browser cannot make calls. Use a current Chrome, Edge, Firefox or Safari.",
    no_codec: "This browser cannot show the others' video; sound works.",
    reconnecting: "Reconnecting…", connecting: "Connecting…", unreachable: "No connection. Trying again…", trying: "Trying again…",
    network_changed: "The network changed. Reconnecting…",
    server_lost: "The connection to the host is lost. The call goes on; reconnecting…",
    server_draining: "The host is about to stop the server. The call goes on while you stay.",
    server_unreachable: "Can't reach the host. Same Wi-Fi? Check firewall and VPN.",
    left: "You left the room.", ended: "The host ended the room.", kicked: "The host removed you from the room.",
    dropped: "The server closed the connection because too much was sent. Join again.",
    replaced: "This call was taken over in another window.",
    wrong_link: "This is not a Hearth link. Ask the host to send it again.",
    need_room: "Type the room number that the host gave you.",
    full: "The room is full ({n} people).",
    no_such_room: "No room with this number here. Same network? Or ask for the link.",
    bad_invite: "The invitation in this link is not right. Ask the host to send it again.",
    locked: "The room is locked. Ask the host to open it.",
    denied: "The host did not let you in.",
    rate_limited: "Too many tries. Wait {s} seconds, then try again.",
    unsupported_version: "This page and the server do not understand each other. Reload the page.",
    refused: "The server refused ({code}). Reload the page, then try again.",
  },
  zh: {
    your_name: "您的名字", room_number: "会议号", join: "加入会议", joining: "正在加入…", again: "重新加入", cancel: "取消",
    you: "我", guest: "访客", host: "主持人", alone: "暂时没有其他人", hear: "打开声音",
    room: "会议号 {room}",
    preview_wait: "浏览器会询问摄像头和麦克风权限，没有它们也能入会",
    preview_off: "摄像头已关闭",
    mic_off: "静音 (M)", mic_on: "解除静音 (M)", camera_off: "关闭摄像头 (V)", camera_on: "打开摄像头 (V)", leave: "离开会议",
    is_muted: "已静音", is_unseen: "摄像头已关闭",
    chat: "聊天", chat_key: "聊天 (C)", chat_unread: "聊天 (C)，{n} 条未读", chat_write: "发送给所有人",
    chat_empty: "会议中的所有人都能看到，内容不会保存", send: "发送", close: "关闭",
    knocks: "{name} 请求入会", admit: "准入", deny: "拒绝", admit_name: "准入 {name}", deny_name: "拒绝 {name}",
    waiting: "请等待主持人准入",
    no_devices: "未检测到摄像头和麦克风，仍可入会",
    devices_denied: "没有摄像头和麦克风权限，前往系统设置开启，或在地址栏中允许",
    no_camera: "未检测到摄像头，仍可入会",
    camera_denied: "没有摄像头权限，前往系统设置开启，或在地址栏中允许",
    camera_in_use: "摄像头被其他应用占用，请关闭后重试",
    no_mic: "未检测到麦克风，仍可入会",
    mic_denied: "没有麦克风权限，前往系统设置开启，或在地址栏中允许",
    mic_in_use: "麦克风被其他应用占用，请关闭后重试",
    insecure: "没有 https 时浏览器不提供摄像头和麦克风，仍可观看和收听",
    no_rtc: "此浏览器无法通话，请使用新版 Chrome、Edge、Firefox 或 Safari",
    no_codec: "此浏览器无法显示对方视频，声音可用",
    reconnecting: "正在重连…", connecting: "正在连接…", unreachable: "无法连接，正在重试…", trying: "正在重试…",
    network_changed: "网络已切换，正在重连…",
    server_lost: "与主持人的连接已断开，通话仍在继续，正在重连…",
    server_draining: "主持人即将停止服务器，留在此页通话会继续",
    server_unreachable: "无法连接主持人，请检查是否同一网络、防火墙或 VPN",
    left: "您已离开会议", ended: "主持人已结束会议", kicked: "您已被移出会议",
    dropped: "发送过多，服务器已断开连接，请重新加入",
    replaced: "通话已在另一个窗口中继续",
    wrong_link: "链接无效，请主持人重新发送",
    need_room: "请输入主持人给您的会议号",
    full: "会议人数已满（{n} 人）",
    no_such_room: "未找到该会议号，请确认在同一网络，或向主持人索取链接",
    bad_invite: "链接中的邀请不正确，请主持人重新发送",
    locked: "会议已锁定，请主持人打开",
    denied: "主持人未准入",
    rate_limited: "尝试过多，请等待 {s} 秒后再试",
    unsupported_version: "页面与服务器版本不符，请刷新页面",
    refused: "服务器拒绝了请求（{code}），请刷新页面后再试",
  },
};

const language = (navigator.language || "en").toLowerCase().startsWith("zh") ? "zh" : "en";
document.documentElement.lang = language === "zh" ? "zh-CN" : "en";

/** The sentence `key`, with `{name}` replaced by `values.name`. */
export function say(key, values = {}) {
  const sentence = WORDS[language][key] ?? WORDS.en[key] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** Whether there is a sentence of this key. */
export const knows = (key) => Object.hasOwn(WORDS.en, key);

/** Fills in the words of the page as it was served. */
export function translatePage() {
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = say(element.dataset.word);
}
