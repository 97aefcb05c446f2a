// Every sentence that a person reads: key|English|Chinese. No other file holds text.

const TABLE = `
your_name|Your name|您的名字
room_number|Room number or link|会议号或链接
password|Password|入会密码
join|Join|加入会议
again|Join again|重新加入
cancel|Cancel|取消
close|Close|关闭
create|Start a room|快速会议
open_room|Anyone with the number may come in|知道会议号即可入会
you|You|我
guest|Guest|访客
host|Host|主持人
alone|Nobody else is here yet.|暂时没有其他人
room|Room {room}|会议号 {room}
copy|Copy link|复制链接
copied|Copied|已复制
hear|Tap for sound|点按打开声音
audio|Microphone|麦克风
video|Camera|摄像头
speaker|Speaker|扬声器
devices|Camera or microphone|摄像头和麦克风
preview_wait|Your browser asks for camera and microphone. You can join without.|浏览器会询问摄像头和麦克风权限，没有也能入会
flip|Other camera|切换摄像头
share|Share your screen|共享屏幕
stop|Stop sharing|停止共享
sharing|You are sharing your screen.|您正在共享屏幕
screen_of|{name}'s screen|{name} 的屏幕
hand|Raise your hand|举手
chat|Chat|聊天
people|People|参会者
settings|Devices and keys|设备与快捷键
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
relayed|relayed|中继
lost|{n} % lost|丢包 {n}%
muted_talking|You're muted. Press M to unmute.|您已静音，按 M 解除静音
silenced|{name} muted everyone. Press M to unmute.|{name} 已将全体静音，按 M 解除
you_host|You are the host now.|您现在是主持人
unread|{n} unread|{n} 条未读
chat_write|Write to everybody|发送给所有人
chat_empty|Everybody in the room reads this. Nothing is kept.|会议中的所有人都能看到，内容不会保存
send|Send|发送
knocks|{name} wants to come in.|{name} 请求入会
admit|Let in|准入
deny|Not now|拒绝
kick|Remove|移出会议
make_host|Make host|设为主持人
mute_all|Mute all|全体静音
lock|Lock the room|锁定会议
unlock|Unlock the room|解锁会议
set|Set|设置
has_password|Password is set; empty: none|已设密码，留空则取消
wrong_invites|{n} wrong invitations were tried.|有 {n} 次错误的邀请尝试
wrong_passwords|{n} wrong passwords were tried.|有 {n} 次错误的密码尝试
same_address|Same address as {name}, whom you removed.|与您移出的{name}来自同一地址
renewed|The link has changed. Old links no longer let anybody in.|链接已更换，旧链接不能再入会
end_room|End for all|结束会议
ask_leave|Leave, or end the room for all?|离开会议，还是结束会议？
ask_end|End the room for everybody?|为所有人结束会议？
ask_kick|Remove {name} from the room?|将 {name} 移出会议？
ask_kick_link|Remove {name} from the room? With the old link they can come back.|将 {name} 移出会议？持旧链接可以再次入会
kick_renew|Remove and change the link|移出并更换链接
waiting|The host will let you in.|请等待主持人准入
none|No {device} found. You can still join.|未检测到{device}，仍可入会
no_access|{Device} access is off. Allow it in the address bar, or in system settings.|没有{device}权限，请在地址栏或系统设置中允许
in_use|The {device} is being used by another app. Close it, then try again.|{device}被其他应用占用，请关闭后重试
insecure|Without https a browser gives no camera or microphone. You can still see and hear.|没有 https 时浏览器不提供摄像头和麦克风，仍可观看和收听
no_rtc|This browser cannot make calls. Use a current one.|此浏览器无法通话，请使用新版浏览器
no_codec|This browser cannot show the others' video; sound works.|此浏览器无法显示对方视频，声音可用
connecting|Connecting…|正在连接…
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
no_such_room|No room with this number here. Same network? Or ask for the link.|未找到该会议号，请确认在同一网络，或向主持人索取链接
bad_invite|The invitation in this link is not right. Ask the host to send it again.|链接中的邀请不正确，请主持人重新发送
bad_password|Type the room's password, then join again.|请输入入会密码后重新加入
locked|The host has locked the room.|主持人已锁定会议
denied|The host did not let you in.|主持人未准入
rate_limited|Too many tries. Trying again in {s} seconds.|尝试过多，{s} 秒后自动重试
refused|The server refused ({code}). Reload the page.|服务器拒绝了请求（{code}），请刷新页面
`;

const chinese = navigator.language.startsWith("zh");
document.documentElement.lang = chinese ? "zh-CN" : "en";
const words = new Map(TABLE.trim().split("\n").map((line) => line.split("|")).map(([key, en, zh]) => [key, chinese ? zh : en]));

// The sentence `key`, with `values.name` in the place of `{name}`; of a `code` that we do not know, that it was refused.
// A name that is read from right to left turns nothing around that stands beside it.
const isolated = (text) => (/[\u0590-\u08ff\ufb1d-\ufefc]/.test(text) ? `\u2068${text}\u2069` : text);

export const say = (key, values = {}) =>
	(words.get(values.code && !words.has(key) ? "refused" : key) ?? "").replace(/\{(\w+)\}/g, (_, name) => isolated(`${values[name]}`));
