// Every sentence that a person reads, in English and Chinese. No other file holds text.

const WORDS = {
  en: {
    your_name: "Your name", room_number: "Room number", join: "Join", joining: "Joining…", again: "Join again",
    you: "You", guest: "Guest", alone: "Nobody else is here yet.", hear: "Turn on sound",
    room: "Room {room}",
    preview_wait: "Your browser will ask for camera and microphone. You can join without them.",
    preview_off: "Camera off",
    mic_off: "Mute (M)", mic_on: "Unmute (M)", camera_off: "Turn camera off (V)", camera_on: "Turn camera on (V)", leave: "Leave",
    no_devices: "No camera or microphone found. You can still join, see and hear.",
    devices_denied: "Camera and microphone are not allowed. You can join to see and hear, or allow them in the address bar.",
    no_camera: "No camera found. You can still join.",
    camera_denied: "Camera access is off. Allow it in the address bar; you can still join.",
    camera_in_use: "The camera is being used by another app. Close it, then turn the camera on.",
    no_mic: "No microphone found. You can still join.",
    mic_denied: "Microphone access is off. Allow it in the address bar; you can still join.",
    mic_in_use: "The microphone is being used by another app. Close it, then unmute.",
    insecure: "This browser gives no camera or microphone to a page without https. You can still see and hear.",
    no_rtc: "This browser cannot make calls. Use a current Chrome, Edge, Firefox or Safari.",
    reconnecting: "Reconnecting…", connecting: "Connecting…", unreachable: "No connection. Trying again…",
    server_lost: "The connection to the host is lost. The call goes on; reconnecting…",
    server_draining: "The host is about to stop the server. The call goes on while you stay.",
    server_unreachable: "Can't reach the host. Same Wi-Fi? Check firewall and VPN. Trying again…",
    left: "You left the room.", ended: "The host ended the room.",
    dropped: "The server closed the connection because too much was sent. Join again.",
    replaced: "This call was taken over in another window.",
    wrong_link: "This is not a Hearth link. Ask the host to send it again.",
    need_room: "Type the room number that the host gave you.",
    full: "The room is full ({n} people).",
    no_such_room: "No room with this number here. Ask the host for the link.",
    bad_invite: "The invitation in this link is not right. Ask the host to send the link again.",
    locked: "The room is locked. Ask the host to open it.",
    denied: "The host did not let you in.",
    rate_limited: "Too many tries. Wait {s} seconds, then try again.",
    unsupported_version: "This page and the server do not understand each other. Reload the page.",
    refused: "The server refused ({code}). Reload the page, then try again.",
  },
  zh: {
    your_name: "您的名字", room_number: "会议号", join: "加入会议", joining: "正在加入…", again: "重新加入",
    you: "我", guest: "访客", alone: "暂时没有其他人。", hear: "打开声音",
    room: "会议号 {room}",
    preview_wait: "浏览器会询问摄像头和麦克风权限，没有它们也能入会。",
    preview_off: "摄像头已关闭",
    mic_off: "静音 (M)", mic_on: "解除静音 (M)", camera_off: "关闭摄像头 (V)", camera_on: "打开摄像头 (V)", leave: "离开会议",
    no_devices: "未检测到摄像头和麦克风，仍可入会观看和收听。",
    devices_denied: "没有摄像头和麦克风权限。仍可入会观看和收听，也可在地址栏中允许。",
    no_camera: "未检测到摄像头，仍可入会。",
    camera_denied: "没有摄像头权限，请在地址栏中允许；仍可入会。",
    camera_in_use: "摄像头被其他应用占用，请关闭该应用后再打开摄像头。",
    no_mic: "未检测到麦克风，仍可入会。",
    mic_denied: "没有麦克风权限，请在地址栏中允许；仍可入会。",
    mic_in_use: "麦克风被其他应用占用，请关闭该应用后再解除静音。",
    insecure: "没有 https 时浏览器不提供摄像头和麦克风，仍可观看和收听。",
    no_rtc: "此浏览器无法通话，请使用新版 Chrome、Edge、Firefox 或 Safari。",
    reconnecting: "正在重连…", connecting: "正在连接…", unreachable: "无法连接，正在重试…",
    server_lost: "与主持人的连接已断开，通话仍在继续，正在重连…",
    server_draining: "主持人即将停止服务器，留在此页通话会继续。",
    server_unreachable: "无法连接主持人，请检查是否同一网络、防火墙或 VPN。正在重试…",
    left: "您已离开会议。", ended: "主持人已结束会议。",
    dropped: "发送过多，服务器已断开连接，请重新加入。",
    replaced: "通话已在另一个窗口中继续。",
    wrong_link: "链接无效，请主持人重新发送。",
    need_room: "请输入主持人给您的会议号。",
    full: "会议人数已满（{n} 人）。",
    no_such_room: "未找到该会议号，请向主持人索取链接。",
    bad_invite: "链接中的邀请不正确，请主持人重新发送。",
    locked: "会议已锁定，请主持人打开。",
    denied: "主持人未准入。",
    rate_limited: "尝试过多，请等待 {s} 秒后再试。",
    unsupported_version: "页面与服务器版本不符，请刷新页面。",
    refused: "服务器拒绝了请求（{code}）。请刷新页面后再试。",
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
