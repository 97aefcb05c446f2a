// Every sentence that a person reads: key|English|Chinese. No other file holds text.

const TABLE = `
your_name|Your name|您的名字
room_number|Room number or link|会议号或链接
password|Password|入会密码
join|Join|加入会议
again|Join again|重新加入
home|Back to start|返回首页
cancel|Cancel|取消
close|Close|关闭
create|Start a room|快速会议
open_room|Anyone with the number can join|知道会议号即可入会
you|You|我
me|{name} (you)|{name}（我）
guest|Guest|访客
host|Host|主持人
the_host|The host|主持人
alone|You're the only one here.|目前只有您一人
room|Room {room}|会议号 {room}
copy|Copy link|复制链接
copied|Copied|已复制
hear|Tap for sound|点按打开声音
audio|Microphone|麦克风
audio_on|Mute|静音
audio_off|Unmute|解除静音
audio_none|No mic|无麦克风
video_on|Stop video|关闭视频
video_off|Start video|开启视频
video_none|No camera|无摄像头
share_short|Share|共享
hand_short|Hand|举手
video|Camera|摄像头
speaker|Speaker|扬声器
devices|Camera or microphone|摄像头和麦克风
preview_wait|Your browser asks for camera and microphone. You can join without.|浏览器会询问摄像头和麦克风权限，没有也能入会
flip|Other camera|切换摄像头
share|Share your screen|共享屏幕
stop|Stop sharing|停止共享
sharing|You are sharing your screen.|您正在共享屏幕
screen_of|{name} is sharing|{name} 正在共享屏幕
hand|Raise your hand|举手
chat|Chat|聊天
people|People|成员
settings|Settings|设置
hold|Space: hold to talk|空格：按住说话
leave|Leave|离开会议
pin|Pin|固定
silent|muted|已静音
unseen|camera off|摄像头已关闭
raised|hand raised|已举手
came|{name} joined.|{name} 加入了会议
went|{name} left.|{name} 离开了会议
raises|{name} raised a hand.|{name} 举手了
good|Good connection|连接良好
fair|Fair connection|连接一般
poor|Poor connection|连接较差
direct|direct|直连
relayed|relayed|中转
lost|{n}% lost|丢包 {n}%
muted_talking|You're muted. Press M to unmute.|您已静音，按 M 解除静音
silenced|{name} muted everyone. Press M to unmute.|{name} 已将全体静音，按 M 解除
you_host|You are the host now.|您现在是主持人
unread|{n} unread|{n} 条未读
chat_write|Message everyone|发消息给所有人
chat_empty|Everyone here can read this. Nothing is saved.|会议中的所有人都能看到，内容不会保存
send|Send|发送
knocks|{name} asks to join.|{name} 申请加入会议
admit|Admit|准入
deny|Deny|拒绝
kick|Remove|移出会议
make_host|Make host|设为主持人
mute_all|Mute all|全体静音
lock|Lock|锁定会议
unlock|Unlock|解锁会议
set|Set|设置
has_password|A password is set; empty removes it|已设密码，留空则取消
wrong_invites|{n} attempts with a wrong link.|有 {n} 次使用错误链接的尝试
wrong_passwords|{n} attempts with a wrong password.|有 {n} 次使用错误密码的尝试
same_address|Same address as {name}, whom you removed.|与您移出的 {name} 来自同一地址
renewed|The link has changed. Old links no longer let anyone in.|链接已更换，旧链接不能再入会
end_room|End for all|结束会议
ask_leave|Leave, or end the room for all?|离开会议，还是结束会议？
ask_end|End the room for everyone?|为所有人结束会议？
ask_kick|Remove {name}?|移出 {name}？
ask_kick_link|Remove {name}? With the link they can come back.|移出 {name}？持链接可再次入会
kick_renew|Remove and change link|移出并更换链接
waiting|Waiting for the host to let you in…|请等待主持人准入
waiting_key|Enter the room's password, or wait for the host.|输入入会密码，或等待主持人准入
unseen_yet|Nobody sees or hears you yet.|其他人暂时看不到、听不到您
none|No {device} found. You can still join.|未检测到{device}，仍可入会
lacks|No {device} found.|未检测到{device}
no_access|{Device} access is blocked. Allow it in the address bar, or in system settings.|没有{device}权限，请在地址栏或系统设置中允许
in_use|The {device} is being used by another app. Close it, then try again.|{device}被其他应用占用，请关闭后重试
insecure|Camera and microphone need https. You can still see and hear.|没有 https 无法使用摄像头和麦克风，仍可观看和收听
no_rtc|This browser cannot make calls. Use a current one.|此浏览器无法通话，请使用新版浏览器
no_codec|This browser cannot show the others' video; sound works.|此浏览器无法显示对方视频，声音可用
connecting|Connecting…|正在连接…
stills|Slow network: a new picture every two seconds|网络不佳：画面每两秒更新一次
nothing|Network too slow for video; sound works.|网络不佳，无法显示视频，声音可用
silence|Nothing comes through; it is tried again.|画面和声音无法传来，会自动重试
faltering|Reconnecting…|正在重连…
failed|No connection. Trying again…|无法连接，正在重试…
server_lost|The connection to the host is lost. The call goes on; reconnecting…|与主持人的连接已断开，通话仍在继续，正在重连…
server_draining|The server is about to stop. The call goes on while you stay.|服务器即将停止，留在此页通话会继续
server_unreachable|Can't reach the host. Same Wi-Fi? Check firewall and VPN.|无法连接主持人，请检查是否同一网络、防火墙或 VPN
left|You left the room.|您已离开会议
ended|The host ended the room.|主持人已结束会议
kicked|The host removed you from the room.|您已被移出会议
wrong_link|This is not a Hearth link. Ask the host to send it again.|链接无效，请主持人重新发送
need_room|Type the room number that the host gave you.|请输入主持人给您的会议号
full|The room is full ({n} people).|会议人数已满（{n} 人）
no_such_room|No room with that number. Are you on the same network? If not, ask for the link.|未找到该会议号，请确认在同一网络，或向主持人索取链接
bad_invite|This link doesn't work any more. Ask the host for a new one.|此链接已失效，请向主持人索取新的链接
bad_password|Wrong password. Try again.|密码不正确，请重试
asked|This room has a password.|此会议设有入会密码
locked|The host has locked the room. Ask them to unlock it, then try again.|会议已锁定，请联系主持人解锁后重试
denied|The host declined your request.|主持人拒绝了您的申请
rate_limited|Too many attempts. Trying again in {s} seconds.|尝试次数过多，{s} 秒后自动重试
refused|The server refused ({code}). Reload the page.|服务器拒绝了请求（{code}），请刷新页面
`;

const chinese = navigator.language.startsWith("zh");
document.documentElement.lang = chinese ? "zh-CN" : "en";
const words = new Map(TABLE.trim().split("\n").map((line) => line.split("|")).map(([key, en, zh]) => [key, chinese ? zh : en]));

// A name that is read from right to left turns nothing around that is beside it.
const isolated = (text) => (/[\u0590-\u08ff\ufb1d-\ufefc]/.test(text) ? `\u2068${text}\u2069` : text);

// The sentence `key` with `values.name` for `{name}`, no space between Han letters; of an unknown `code`, that it was refused.
export const say = (key, values = {}) =>
	(words.get(values.code && !words.has(key) ? "refused" : key) ?? "").replace(/\{(\w+)\}/g, (_, name) => isolated(`${values[name]}`))
		.replace(/(\p{sc=Han}) (?=\p{sc=Han})/gu, "$1");
