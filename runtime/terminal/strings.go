package terminal

import (
	"bytes"
	"regexp"
	"strconv"
	"sync"
	"unicode/utf8"
)

// textAllowed: the control string that is held passes. It may cut it.
//
// Of DCS, PM, SOS and screen's title nothing does. DCS holds requests whose
// answers repeat them (DECRQSS, XTGETTCAP), programmable keys (DECUDK), macros,
// fonts, other programs' passthrough (tmux) and remote control (kitty).
func (f *Filter) textAllowed() bool {
	body := f.held[2:]
	if !printable(body) {
		return false
	}
	switch f.held[1] {
	case '_':
		return imageAllowed(body)
	case ']':
		code, rest, _ := bytes.Cut(body, []byte{';'})
		n, err := strconv.Atoi(string(code))
		if err != nil || n < 0 || strconv.Itoa(n) != string(code) {
			return false
		}
		if n <= 2 && len(rest) > maxTitle {
			cut := len(f.held) - len(rest) + maxTitle
			for !utf8.RuneStart(f.held[cut]) {
				cut--
			}
			f.held = f.held[:cut]
			return true
		}
		return f.commandAllowed(n, rest)
	}
	return false
}

// printable: text without control characters of any kind.
func printable(s []byte) bool {
	if !utf8.Valid(s) {
		return false
	}
	for i, b := range s {
		if b < ' ' || b == del || b == 0xc2 && s[i+1] < 0xa0 {
			return false
		}
	}
	return true
}

// maxCommand is the longest operating system command that is neither a title
// nor for the clipboard.
const maxCommand = 4096

// Forms of what operating system commands (OSC) may say.
var (
	colours = form{text: `^[0-9A-Za-z#:;/.,?_-]*$`}
	// Only what opens in a browser: other schemes start programs, and a file
	// of the jail is not the file of that name outside.
	link = form{text: `^[!-:<-~]*;((?i:https?)://[!-~]*)?$`}
	// Of ConEmu's commands, which begin with a number, progress alone:
	// others start programs.
	notice = form{text: `^(4;[0-4](;[0-9]{0,3})?;?|([^0-9].*)?)$`}
	// Nothing that the terminal reports back: identifiers are the program's.
	kittyNotice = form{text: `^(?:(?:i=[0-9A-Za-z_.+-]{1,64}|d=[01]|e=[01]|p=title|p=body|a=-?focus|u=[012]|o=[a-z]+)(?:[:]|))*;.*$`}
	urxvtNotice = form{text: `^notify;.*$`}
	promptMark  = form{text: `^(A(;redraw=[01])?|B|C|D(;[0-9]{1,5})?)$`}
	// Claude Code's state for the tabs of a terminal.
	programStatus = form{text: `^(\?|[0-9A-Za-z+/=:_.-]+)$`}
	// Never "?", which asks for the clipboard.
	clipboardText = form{text: `^[cpqs0-7]{0,12};[0-9A-Za-z+/]*={0,2}$`}
)

// commandAllowed: the operating system command n passes, with what follows its
// number. Not here, among all that is not known: fonts (50), the working folder
// of new tabs (7), iTerm2's files and clipboard (1337), shell integration that
// runs commands again (633), and kitty's files (5113) and clipboard (5522).
func (f *Filter) commandAllowed(n int, rest []byte) bool {
	if n != 52 && len(rest) > maxCommand {
		return false
	}
	switch n {
	case 0, 1, 2: // title
		return true
	case 4, 5, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 104, 105, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119:
		// Asked for, a terminal answers with numbers: editors and Claude Code
		// find out about dark and light that way.
		return colours.fits(rest)
	case 8:
		return link.fits(rest)
	case 9:
		return notice.fits(rest)
	case 52:
		return f.options.Clipboard && clipboardText.fits(rest)
	case 99:
		return kittyNotice.fits(rest)
	case 133:
		return promptMark.fits(rest)
	case 777:
		return urxvtNotice.fits(rest)
	case 7501:
		return programStatus.fits(rest)
	}
	return false
}

// imageAllowed: an application command (APC) passes if it is one of kitty's
// graphics protocol that carries the image itself (t=d, the default). The other
// media name files and shared memory of the host.
func imageAllowed(body []byte) bool {
	if !bytes.HasPrefix(body, []byte("G")) {
		return false
	}
	keys, data, _ := bytes.Cut(body[1:], []byte{';'})
	for pair := range bytes.SplitSeq(keys, []byte{','}) {
		if len(pair) > 0 && !imageKey.fits(pair) || bytes.HasPrefix(pair, []byte("t=")) && string(pair) != "t=d" {
			return false
		}
	}
	for _, b := range data {
		if !base64[b] {
			return false
		}
	}
	return true
}

// imageKey is a letter and a letter or number for it. Others mean nothing today.
var imageKey = form{text: `^[A-Za-z]=(?:[A-Za-z]|-?[0-9]{1,10})$`}

// base64 are the characters of that encoding.
var base64 = func() (set [256]bool) {
	for _, b := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=" {
		set[b] = true
	}
	return set
}()

// form is a regular expression that is compiled when it is first used: every
// process of a start would pay for it, and most of them never do.
type form struct {
	text string
	once sync.Once
	re   *regexp.Regexp
}

func (f *form) fits(text []byte) bool {
	f.once.Do(func() { f.re = regexp.MustCompile(f.text) })
	return f.re.Match(text)
}
