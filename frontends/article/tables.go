package article

import (
	"regexp"
	"strings"
)

func words(text string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(text) {
		out[w] = true
	}
	return out
}

// The programs that a command line begins with, without .exe. Those of the
// second table are words too: in quotes they need an option to be believed.
var (
	commands     = words("powershell pwsh cmd curl wget rundll32 regsvr32 mshta wscript cscript wmic certutil bitsadmin schtasks msiexec nltest netsh whoami vssadmin wbadmin bcdedit wevtutil fsutil ssh scp bash sh zsh python python3 python2 py node npm npx pnpm yarn bun pip pip3 perl ruby php java osascript launchctl crontab systemctl chmod chown chattr kubectl docker podman gh aws az gcloud tasklist taskkill nohup base64 openssl rclone psexec psexec64 ntdsutil dsquery adfind esxcli esxcfg iptables sudo ncat socat nc dd ipconfig ifconfig systeminfo quser cmdkey nslookup procdump procdump64 mimikatz 7z rar winrar reg sc uname tee xattr codesign installutil msbuild regasm regsvcs csc at add-mppreference set-mppreference new-service new-scheduledtask invoke-webrequest iwr iex invoke-expression")
	commandWords = words("net git tar find cat echo start copy move del type route arp at make who kill ps export rm cp mv ls mkdir touch sed awk grep eval source code go rust id set")
)

// spaced are parts of paths that have a blank.
const spaced = `(?:Program Files(?: \(x86\))?|Documents and Settings|Start Menu|Application Data|Local Settings|All Users|Common Files|Default User|User Data|Windows NT|Internet Explorer|Internet Settings|Active Setup|Installed Components|Image File Execution Options|Control Panel|Windows Script Host|Session Manager|Windows Defender(?: Security Center)?|Command Processor|User Shell Folders|Shell Folders|Browser Helper Objects|Security Center|Terminal Server|Windows Portable Devices|Microsoft Office|Google Chrome|Network Shortcuts|Application Support|Real-Time Protection|Policy Manager|Trusted Documents|Windows Photo Viewer|Reference Assemblies|System Volume Information)`

const segment = `(?:` + spaced + `|(?:<[A-Za-z0-9_ .-]{1,30}>|[^\s\\"'<>|,;:?“”‘’` + "`" + `])+)`

// Where environment variables of Windows point at.
var variables = map[string]string{
	"appdata": `\AppData\Roaming`, "localappdata": `\AppData\Local`, "temp": `\Temp`, "tmp": `\Temp`, "programdata": `\ProgramData`,
	"allusersprofile": `\ProgramData`, "public": `\Users\Public`, "windir": `\Windows`, "systemroot": `\Windows`, "system": `\Windows\System32`,
	"programfiles": `\Program Files`, "programfiles(x86)": `\Program Files (x86)`, "userprofile": "", "homepath": "", "systemdrive": "", "homedrive": "",
	"commonprogramfiles": `\Program Files\Common Files`, "startup": `\Start Menu\Programs\Startup`,
}

var (
	registryPath = regexp.MustCompile(`(?i)\b(?:HKEY_(?:LOCAL_MACHINE|CURRENT_USER|USERS|CLASSES_ROOT|CURRENT_CONFIG)|HKLM|HKCU|HKU|HKCR|HKCC):?(?:\\{1,2}` + segment + `)+\\?`)
	pipePath     = regexp.MustCompile(`(?i)\\{2,4}[.a-z0-9_-]{1,60}\\{1,2}pipe\\{1,2}((?:<[A-Za-z0-9_ .-]{1,30}>|[^\s"'<>|,;)` + "`" + `“”‘’])+)`)
	windowsPath  = regexp.MustCompile(`(?i)(?:\b[a-z]:|%[a-z_()0-9]{1,40}%|\$env:[a-z_]{1,40}|\\\\[a-z0-9][a-z0-9_.$-]{0,80})(?:\\{1,2}` + segment + `)+\\?`)
	unixPath     = regexp.MustCompile(`(?:^|[\s"'(=:|` + "`" + `“‘,;@])(#!|(?:~|\$HOME)?)((?:/(?:etc|tmp|var|usr|opt|home|root|dev|proc|bin|sbin|lib|lib64|run|mnt|srv|boot|sys|data|Library|Users|Applications|System|private|Volumes)|/\.[A-Za-z0-9_-]+|/[A-Za-z0-9_.-]+)(?:/(?:<[A-Za-z0-9_ .-]{1,30}>|[A-Za-z0-9_.@+%*{}$~-])+)*/?)`)
	fileName     = regexp.MustCompile(`[A-Za-z0-9_$][A-Za-z0-9_.$@+-]{0,80}\.[A-Za-z0-9]{1,9}\b`)
	placeholder  = regexp.MustCompile(`<[A-Za-z0-9_ .-]{1,30}>|\$?\{[A-Za-z_ ]{1,30}\}`)
	variable     = regexp.MustCompile(`(?i)%[a-z_][a-z_0-9]{1,39}(?:\(x86\))?%|\$env:[a-z_0-9]{1,40}`)
	portNumbers  = regexp.MustCompile(`(?i)\b(?:(?:tcp|udp)[ /-]*(?:ports?)?|ports?(?: numbers?)?)[ :/]{1,2}((?:[0-9]{1,5}(?:,? and |,? or |, ?|/(?:tcp|udp))?)+)|\b([0-9]{2,5})/(?:tcp|udp)\b`)
	number       = regexp.MustCompile(`[0-9]{1,5}`)
	requestPath  = regexp.MustCompile(`\b(?:GET|POST|PUT|HEAD|DELETE|PATCH|OPTIONS) (/[A-Za-z0-9_.%/?&=+~{}<>-]{2,300})`)
	agentShape   = regexp.MustCompile(`^(?:Mozilla/[0-9.]+ \(|[A-Za-z][A-Za-z0-9 _.-]{1,30}/[0-9][0-9.]*(?: |$))`)
	runTalk      = regexp.MustCompile(`(?i)\b(?:execut|run|ran|launch|spawn|start|invok|call|inject|process|via|using|through)[a-z]*\b`)
	writeTalk    = regexp.MustCompile(`(?i)\b(?:drop|writ|wrote|creat|cop(?:y|ied|ies)|download|sav|extract|deploy|plac|stor|unpack|modif|append|renam|deliver|attach|archive|file|library|document|config|script)[a-z]*\b`)
)

const exeName = `([A-Za-z0-9_][A-Za-z0-9_.-]{0,60}\.exe)\b`

var (
	startsChild = regexp.MustCompile(`(?i)\b` + exeName + `["'”’)]*(?: process(?:es)?)?(?: (?:then|also|to|that|which|can|will|was observed|is|was)){0,2} (?:spawn|launch|start|execut|invok|run)(?:s|es|ed|e|ing|ning)?(?: (?:a|an|the|new|child|process|instance|of|another)){0,4} ["'“‘]?` + exeName)
	childArrow  = regexp.MustCompile(`(?i)\b` + exeName + `\s?(?:->|→|⇒)\s?` + exeName)
	startedBy   = regexp.MustCompile(`(?i)\b` + exeName + `["'”’)]*(?: process)?(?: (?:is|was|being|to be)){0,2} (?:spawned|launched|started|executed|invoked) (?:by|from|under) ["'“‘]?` + exeName)
	startTalk   = regexp.MustCompile(`(?i)\bcall create\b|\bbinpath=`)
	// valueNames are how commands name the value of a registry key behind it.
	valueNames = []*regexp.Regexp{
		regexp.MustCompile(`(?i)^["']?\s+(?:/(?:t|d) \S{1,40}\s+|/f\s+)*/v\s+(?:"([^"]{1,100})"|'([^']{1,100})'|([^\s"'/]{1,100}))`),
		regexp.MustCompile(`(?i)^["']?\s+(?:-(?:type|propertytype|value) \S{1,60}\s+)*-name\s+(?:"([^"]{1,100})"|'([^']{1,100})'|([^\s"'-][^\s"']{0,100}))`),
	}
)

// cue is how a text says what the literal beside it is.
type cue struct {
	kind   MechanicKind
	before *regexp.Regexp // ends behind the words
	after  *regexp.Regexp
	// bare is a name that needs no quotes.
	bare *regexp.Regexp
}

const leadIn = `(?: (?:named|called|name|with the name|names|string|header|value|set to|of|is|are|was|for|to|at|as|such as|like)){0,3}[\s:="'“‘(|]*$`

var cues = []cue{
	{UserAgent, regexp.MustCompile(`(?i)\buser[- ]?agents?` + leadIn), regexp.MustCompile(`(?i)^["'”’)]*(?: \|)?(?: as (?:its|the|a))? user[- ]?agent`),
		regexp.MustCompile(`(?i)\bUser-Agent: ([^\n"'<>|` + "`" + `]{4,300})`)},
	{Mutex, regexp.MustCompile(`(?i)\bmutex(?:es)?(?: objects?)?` + leadIn), regexp.MustCompile(`(?i)^["'”’)]*(?: \|)? mutex`), regexp.MustCompile(`(?i)\bmutex(?: named| called)?:? ((?:Global|Local)\\[^\s"'<>|,;]+)`)},
	{Task, regexp.MustCompile(`(?i)\b(?:scheduled )?tasks?` + leadIn), regexp.MustCompile(`(?i)^["'”’)]*(?: \|)? (?:scheduled )?task\b`), nil},
	{Service, regexp.MustCompile(`(?i)\b(?:windows |malicious |new )?services?` + leadIn), regexp.MustCompile(`(?i)^["'”’)]*(?: \|)? (?:windows )?service\b`), nil},
	{Pipe, regexp.MustCompile(`(?i)\b(?:named )?pipes?` + leadIn), regexp.MustCompile(`(?i)^["'”’)]*(?: \|)? (?:named )?pipe\b`), nil},
	{URLPath, regexp.MustCompile(`(?i)\b(?:uris?|url paths?|endpoints?|routes?|request(?:s)?(?: paths?)?|query strings?)` + leadIn), regexp.MustCompile(`(?i)^["'”’)]*(?: \|)? (?:uri|url path|endpoint|route)\b`), nil},
	{Process, regexp.MustCompile(`(?i)\bprocess(?:es)?` + leadIn), regexp.MustCompile(`(?i)^["'”’)]*(?: \|)? process(?:es)?\b`), nil},
}

// names in the options of commands.
var optionNames = []struct {
	kind  MechanicKind
	shape *regexp.Regexp
}{
	{Task, regexp.MustCompile(`(?i)\bschtasks(?:\.exe)?\b.{0,200}/tn[ :]+(?:"([^"]{1,120})"|'([^']{1,120})'|([^\s"']{1,120}))`)},
	{Service, regexp.MustCompile(`(?i)\bsc(?:\.exe)?(?: \\\\\S+)? create (?:"([^"]{1,120})"|'([^']{1,120})'|([^\s"']{1,120}))`)},
	{Service, regexp.MustCompile(`(?i)\bNew-Service\b.{0,100}-Name (?:"([^"]{1,120})"|'([^']{1,120})'|([^\s"']{1,120}))`)},
	{Task, regexp.MustCompile(`(?i)\bRegister-ScheduledTask\b.{0,100}-TaskName (?:"([^"]{1,120})"|'([^']{1,120})'|([^\s"']{1,120}))`)},
}
