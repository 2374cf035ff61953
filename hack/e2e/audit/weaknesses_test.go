package audit

// weakness is what gets through when a protection is removed.
type weakness struct {
	// remove is the protection, and also a further one (some, "+" between
	// them) that holds alone what remove holds alone: both matter.
	remove, also string
	// root: only root can remove it, or has it; user: root has another wall.
	root, user bool
	// lab: the host has private and public addresses.
	lab bool
	// policy and flags of the jail.
	policy string
	flags  []string
	// through are attacks that must get through.
	through string
	// kernel are attacks of which one gets through, if the kernel has what
	// they attack. They stand for a row of their own where through is empty.
	kernel string
	// elsewhere is the test that shows it as well, where the kernel has nothing
	// of it: no package brings that to a host.
	elsewhere string
	// ours: that our runtime stops it is what removing shows: runc does not.
	ours bool
}

const (
	writes       = "protected-write protected-append protected-write-by-proc-root protected-write-by-descriptor protected-truncate protected-chmod protected-times protected-folder trust-git-hook trust-git-config trust-direnv trust-vscode-tasks trust-claude-settings host-truncate host-away-and-back host-folder-away-and-back"
	homeReads    = "read-home read-other-project read-by-proc-self-root read-by-thread-self-root read-by-cwd read-by-dot-dot read-by-any-proc-root read-by-symlink list-beside-project see-credentials see-histories run-host-program race-outside-symlink race-dot-dot"
	besides      = "neighbour-home neighbour-cache neighbour-project neighbour-list-projects neighbour-list-log neighbour-list-trust neighbour-kept-config neighbour-kept-by-proc-root neighbour-change-project neighbour-change-kept-config neighbour-leave-in-home neighbour-leave-in-cache"
	homeWrites   = "write-home write-other-project read-own-config home-bashrc home-profile home-zshrc home-zshenv home-fish home-ssh-authorized-keys home-ssh-config home-git-config home-npmrc home-autostart home-systemd-unit home-environment home-local-bin home-claude-json home-own-policy home-own-trust home-vim home-gdbinit home-nix-conf fill-home"
	loopback     = "loopback-tcp loopback-other-loopback loopback-any-address loopback-mapped loopback-mapped-any fast-open name-localhost name-localhost-upper name-127-0-0-1 name-127-1 name-0x7f000001 name-2130706433 name-0177-0-0-1 see-connections see-abstract-sockets abstract-stream abstract-packet abstract-datagram udp-loopback udp-any-address device-events"
	ownNamespace = "unshare-user unshare-mnt unshare-cgroup unshare-uts unshare-ipc unshare-pid unshare-net unshare-time clone-mnt clone-cgroup clone-uts clone-ipc clone-pid clone-net clone3-user clone3-mnt clone3-cgroup clone3-uts clone3-ipc clone3-pid clone3-net clone3-time"
	// Of a process with every capability over its own container.
	capable = "capabilities-inheritable capabilities-ambient capset securebits add-address add-link add-neighbour add-queue add-route add-rule change-link mark transparent socket-raw-icmp socket-raw-ip"
	// Of one without a profile as well.
	mighty = "chroot read-by-chroot-dot-dot mount-bind mount-move mount-tmpfs mount-overlay mount-remount-root mount-setattr move-mount open-tree fsopen fspick pivot-root umount-proc umount-mask protected-uncover hidden-uncover " +
		"setns-user setns-mnt setns-cgroup setns-uts setns-ipc setns-pid setns-net setns-pidfd set-hostname set-domainname reboot change-rules socket-packet socket-packet-datagram"
	// Of root.
	omnipotent = "adjtimex clock-adjtime set-time-zone syslog acct bpf-map bpf-program fanotify open-by-handle read-by-handle process-madvise swapon userfaultfd mknod-char mknod-block setuid-other setns-time chown raise-priority hang-up"
	baits      = "service-bait service-bait-by-proc-root service-session-bus service-systemd-user service-wayland service-pulseaudio service-docker service-podman service-gpg-agent service-ssh-agent service-pipewire service-keyring service-vscode service-emacs service-neovim service-accessibility-bus"
	resolved   = "name-localhost-localdomain name-host-docker-internal name-host-containers-internal name-gateway-docker-internal name-_gateway name-127-0-0-1-nip-io"
	pid1       = "pid-1-environ pid-1-mem pid-1-maps pid-1-auxv pid-1-syscall pid-1-root-etc-passwd pid-1-fd-0 pid-1-exe ptrace-pid-1"
	signals    = "signal-kill signal-tgkill signal-pidfd signal-queue"
	silent     = "trust-git-commondir trust-git-modules trust-git-nested-repository trust-git-bare-repository trust-mise trust-idea trust-zed trust-vim trust-neovim trust-emacs trust-devcontainer trust-claude-local-settings trust-claude-commands trust-claude-agents trust-claude-skills trust-claude-mcp trust-cursor-mcp trust-own-policy trust-own-lock race-report"
	trapped    = "trust-gitlink-in-node-modules trust-gitlink-in-environment trust-gitlink-in-build trust-gitlink-deep trust-gitlink-of-a-branch trust-git-message-link trust-git-submodule-directory trust-git-worktree-commondir trust-git-worktree-config trust-git-config-worktree trust-git-attributes trust-git-rebase-exec trust-git-sequencer-exec trust-git-bare-in-folder trust-git-replace trust-git-replace-packed trust-git-shallow trust-git-grafts trust-git-exclude trust-git-assume-unchanged trust-git-skip-worktree trust-git-index-unread trust-git-hook-script trust-deep-git-repository trust-deep-vscode trust-deep-claude-mcp trust-deep-direnv trust-deep-mise trust-deep-claude-settings trust-deep-mercurial"
	moved      = "host-rename host-sed host-git-config host-unlink host-unlink-later host-backup host-backup-link host-exchange host-link-for-a-moment host-often host-switch host-folder host-folder-copy host-folder-exchange host-git-copy host-git-hooks host-ancestor host-deep host-deep-settings host-then-unlink host-then-move host-then-move-folder host-then-replace host-then-link host-then-mode host-hidden-rename host-hidden-unlink host-hidden-unlink-later host-hidden-backup host-hidden-exchange host-hidden-often host-hidden-deep host-hidden-ancestor host-hidden-folder host-hidden-folder-copy host-hidden-folder-exchange host-socket host-socket-rename host-socket-deep host-in-between host-made-anew"
	further    = "further-protected-write further-protected-append further-protected-write-by-proc-root further-protected-write-by-descriptor further-protected-write-by-hard-link further-protected-chmod further-protected-times further-protected-move further-protected-move-ancestor further-protected-replace further-trust-git-hook further-trust-git-config further-trust-git-commondir further-trust-git-modules further-trust-git-nested-repository further-trust-git-bare-repository further-trust-direnv further-trust-mise further-trust-vscode-tasks further-trust-idea further-trust-zed further-trust-vim further-trust-neovim further-trust-emacs further-trust-devcontainer further-trust-claude-settings further-trust-claude-local-settings further-trust-claude-commands further-trust-claude-agents further-trust-claude-skills further-trust-claude-mcp further-trust-cursor-mcp further-trust-own-policy further-trust-own-lock further-host-rename further-host-git-config further-host-unlink-later further-host-backup further-host-exchange further-host-switch further-host-git-hooks further-host-ancestor further-host-then-move further-host-socket further-trust-gitlink-in-node-modules further-trust-gitlink-in-environment further-trust-gitlink-in-build further-trust-gitlink-deep further-trust-gitlink-of-a-branch further-trust-git-message-link further-trust-git-submodule-directory further-trust-git-worktree-commondir further-trust-git-worktree-config further-trust-git-config-worktree further-trust-git-attributes further-trust-git-rebase-exec further-trust-git-sequencer-exec further-trust-git-bare-in-folder further-trust-git-replace further-trust-git-replace-packed further-trust-git-shallow further-trust-git-grafts further-trust-git-exclude further-trust-git-assume-unchanged further-trust-git-skip-worktree further-trust-git-index-unread further-trust-git-hook-script further-trust-deep-git-repository further-trust-deep-vscode further-trust-deep-claude-mcp further-trust-deep-direnv further-trust-deep-mise further-trust-deep-claude-settings further-trust-deep-mercurial"
	escaped    = "escape-clipboard-write escape-clipboard-read escape-title-report escape-answerback escape-status-string"
)

// weaknesses are tried on the jail of a git repository with --net none.
var weaknesses = []weakness{
	{remove: "our runtime", through: silent + " " + trapped + " " + moved + " " + escaped, ours: true},

	{remove: "read-only binds", through: writes + " race-protected-symlink"},
	{remove: "binds of protected files", through: writes + " protected-write-by-hard-link protected-move protected-replace race-protected-symlink race-protected-mount-point"},
	{remove: "binds of folders on themselves", through: "protected-move-ancestor hidden-move-ancestor"},
	{remove: "masks of hidden files", through: "hidden-read hidden-read-by-proc-root hidden-read-by-hard-link hidden-move hidden-replace race-hidden-symlink race-hidden-mount-point"},
	{remove: "masked paths", through: "race-masked-file"},
	{remove: "masked paths", kernel: "kernel-secret-interrupts kernel-secret-keys"},
	{remove: "masked paths", root: true, kernel: "kernel-secret-timers kernel-secret-slabs kernel-secret-allocations kernel-secret-page-types kernel-secret-pages"},
	{remove: "read-only paths", root: true, through: "kernel-file-core-pattern kernel-file-drop-caches kernel-file-hostname setting-ip-forward setting-conf-all-route-localnet setting-ip-unprivileged-port-start setting-ping-group-range race-kernel-file"},
	{remove: "read-only root", through: "overwrite-launcher write-init"},
	{remove: "no further folder", through: further + " home-link home-link-to-nothing", kernel: "further-protected-truncate further-protected-folder"},
	{remove: "read-only project", policy: "version = 1\n[files]\nproject = \"ro\"\n", through: "project-read-only"},
	{remove: "own home", through: homeReads + " " + homeWrites + " " + besides},
	{remove: "own home, read-only", through: homeReads},
	{remove: "own home", also: "own settings of the agent", through: "home-claude-settings neighbour-config neighbour-leave-in-config"},
	{remove: "own home", also: "mounts of the project", through: "read-by-hard-link"},
	{remove: "read-only binds", kernel: "protected-attribute"},
	{remove: "no /var, writable", root: true, through: "write-var"},
	{remove: "no /var", kernel: "see-host-mail"},
	{remove: "read-only paths", root: true, kernel: "kernel-file-irq"},
	{remove: "no /sys", root: true, kernel: "kernel-file-power kernel-file-efivars"},
	{remove: "own home", also: "init that nobody reads", through: "read-by-proc-1-root read-by-proc-1-cwd"},
	{remove: "own /tmp", through: "read-tmp write-host-tmp neighbour-tmp neighbour-leave-in-tmp neighbour-socket-in-tmp"},
	{remove: "own /var/tmp", through: "read-var-tmp write-host-var-tmp neighbour-var-tmp neighbour-leave-in-var-tmp"},
	{remove: "own /dev/shm", through: "shared-memory-posix write-host-shm neighbour-shm neighbour-leave-in-shm"},
	{remove: "own /dev", through: "steal-terminal terminal-list fill-shm"},
	{remove: "own /dev", also: "device rules+user namespace+profile+init+no capabilities", root: true, kernel: "device-kmsg device-loop device-fuse device-kvm device-vhost device-console device-tty0 device-userfaultfd device-vsock device-autofs"},
	{remove: "own /dev", root: true, kernel: "device-tun"},
	{remove: "own /etc", through: "read-accounts"},
	{remove: "own /etc", root: true, through: "read-shadow write-etc system-cron-system system-profile-system system-ld-preload system-systemd-system"},
	{remove: "no XDG_RUNTIME_DIR", through: "read-runtime-dir write-runtime-dir " + baits},
	{remove: "own XDG_RUNTIME_DIR", through: "neighbour-runtime-dir neighbour-leave-in-runtime-dir neighbour-socket-in-runtime-dir"},
	{remove: "no /var", through: "see-logs see-host-state"},
	{remove: "no other homes", through: "list-other-homes"},
	{remove: "no /sys", through: "read-kernel-settings"},
	{remove: "closure", through: "store-beyond-closure store-database"},
	{remove: "closure", root: true, through: "write-store"},
	{remove: "no /usr", root: true, through: "write-usr"},
	{remove: "no /run", root: true, through: "write-run"},
	{remove: "no disk", kernel: "mount-table"},
	{remove: "environment", through: "leaked-environment leaked-agent-variables"},
	{remove: "programs that are read-only", through: "overwrite-programs"},
	{remove: "nosuid", through: "setuid-mounts"},
	{remove: "nodev", through: "device-mounts"},

	{remove: "network namespace", through: loopback + " neighbour-loopback neighbour-abstract-socket neighbour-see-abstract-socket"},
	{remove: "network namespace", kernel: "loopback-tcp6 loopback-any-address-6 mptcp socket-diagnosis"},
	{remove: "network namespace", lab: true, through: "lan-tcp udp-lan udp-lite see-interfaces literal-public metadata-aws metadata-aws-6 metadata-ecs metadata-alibaba metadata-oracle metadata-azure " + resolved},
	{remove: "ipc namespace", through: "messages-sysv messages-posix shared-memory-sysv semaphores-list neighbour-shared-memory"},
	{remove: "pid namespace", through: "see-processes read-arguments limit-others oom-score neighbour-see-process"},
	{remove: "pid namespace", user: true, through: "outlive-child outlive-session outlive-group outlive-stopped schedule-others"},
	{remove: "pid namespace", also: "second filter and Landlock", through: signals},
	{
		remove: "pid namespace", also: "user namespace+profile+init+no capabilities", root: true,
		through: "read-environments read-memory process-vm-readv process-vm-writev pidfd-getfd read-descriptor ptrace schedule-others pid-1-stack",
	},

	{remove: "profile", through: "keyctl add-key personality setuid-chmod"},
	{remove: "keys", through: "keyctl add-key"},
	{remove: "keys", also: "own session keyring", through: "keyring-session"},
	{remove: "keys", also: "user namespace", root: true, through: "keyring-user keyring-user-session"},
	{remove: "io_uring", kernel: "io-uring"},
	{remove: "userfaultfd", kernel: "userfaultfd-user"},
	{remove: "perf", kernel: "perf"},
	{remove: "personality", through: "personality"},
	{remove: "sockets", kernel: "socket-vsock socket-alg"},
	{remove: "modes", through: "setuid-chmod setgid-chmod setuid-fchmodat2 setuid-create setuid-openat2 setuid-mknod"},
	{remove: "namespaces", also: "second filter and Landlock", through: ownNamespace},
	{remove: "mounts", also: "namespaces+second filter and Landlock", through: "mount-tmpfs mount-bind pivot-root chroot open-tree fsopen fspick protected-change-by-namespace hidden-read-by-namespace"},
	{remove: "other ABI", also: "second filter and Landlock", kernel: "int80-getpid", elsewhere: "seccomp.TestAgainstTheProfile"},
	{remove: "no_new_privs", also: "second filter and Landlock", through: "no-new-privs"},
	{remove: "no capabilities", also: "init", through: capable},
	{remove: "no capabilities", also: "init", kernel: "socket-raw-ip6 netfilter-option"},
	{remove: "no capabilities", also: "init", root: true, through: "capabilities-effective capabilities-permitted file-capability setgroups"},
	{remove: "init", user: true, through: "capabilities-effective capabilities-permitted file-capability clone-user clone-high-bits"},
	{remove: "no capabilities", also: "no_new_privs+second filter and Landlock", root: true, through: "capabilities-by-execve"},
	{remove: "profile", also: "init+no capabilities", through: mighty},
	{remove: "user namespace", also: "profile+init+no capabilities", root: true, through: omnipotent},
	{remove: "profile", also: "init+no capabilities", kernel: "int80-clone int80-getpid int80-keyctl int80-ptrace int80-socket int80-unshare ipsec conntrack read-rules socket-xdp kcmp"},
	{remove: "user namespace", also: "profile+init+no capabilities", root: true, kernel: "pin-memory kernel-secret-kallsyms kernel-file-mtrr"},
	{remove: "user namespace", also: "own ids+profile+init+no capabilities", root: true, through: "setuid-0 setgid-0"},
	{remove: "user namespace", also: "one group", root: true, through: "supplementary-groups"},
	{remove: "init that nobody reads", through: pid1},
	{remove: "init that is read-only", through: "overwrite-pid-1"},
	{remove: "closed descriptors", also: "init", through: "leaked-descriptor"},

	{remove: "size of /tmp", through: "fill-tmp inodes-tmp"},
	{remove: "size of /var/tmp", through: "fill-var-tmp inodes-var-tmp"},
	{remove: "size of /dev/shm", through: "fill-shm inodes-shm"},
	{remove: "size of /dev", through: "fill-dev inodes-dev"},
	{remove: "size of the home", through: "fill-home inodes-home"},
	{remove: "size of the runtime folder", through: "fill-runtime-dir inodes-runtime-dir"},
	{remove: "core limit", also: "init", through: "core-file"},
	{remove: "cgroup limits", flags: []string{"--pids", "24", "--memory", "64MiB"}, through: "fork-bomb memory"},
	{remove: "mount points that are there", through: "left-stub"},
	{remove: "no mount left", root: true, through: "left-mount"},
	{remove: "no cgroup left", root: true, through: "left-cgroup"},
	{remove: "no file left", through: "left-file"},
	{remove: "a small supervisor", through: "long-line"},
}

// notShown are attacks that no row lets through, by the reason.
var notShown = map[string]string{
	"runc starts a session of its own; TestAuditWithoutAJail lets them through": "appended-output-read appended-output-truncate tiocsti tiocsti-high-bits read-input window-size int80-tiocsti setuid-program",
	"what it is about is no part of a bundle":                                   "map-ids program-on-path leaked-working-folder relay-connect relay-absolute-uri relay-host-header relay-socks5 relay-proxy-variable host-network-by-file process-events",
	"the like of it is shown in the project":                                    "further-protected-uncover further-protected-attribute further-protected-change-by-namespace",
	"it needs a network with a translator or a machine at that address":         "loopback-compatible loopback-nat64 loopback-6to4 loopback-docker-host loopback-qemu-host loopback-pasta-host name-localhost-dot ping",
	"names have one spelling there; TestAuditOfSpellings lets them through":     "protected-write-by-spelling hidden-read-by-spelling further-protected-write-by-spelling trust-folding-folder further-trust-folding-folder",
	"it needs the root folder of the host, or one that hosts of tests lack":     "write-root system-cron system-systemd-runtime system-sudoers system-udev",
	"the machine of the tests has none, or root there may not": "device-mem device-port device-disk device-mapper device-input device-uinput device-video device-sound device-graphics device-gpu device-hpet device-rfkill device-usb tioclinux console " +
		"kernel-file-modprobe kernel-file-sysrq kernel-file-sysrq-mask kernel-file-max-userns kernel-file-binfmt kernel-file-uevent-helper kernel-file-release-agent kernel-file-cgroup kernel-file-cgroup-subtree kernel-file-debugfs kernel-file-scsi kernel-file-ptrace-scope " +
		"kernel-secret-kcore kernel-secret-kmsg audit-messages raise-limits realtime descriptors",
	"kernels have it no more, or seldom": "init-module finit-module delete-module kexec kexec-file lookup-cookie nfsservctl iopl ioperm uselib create-module x32-getpid x32-unshare x32-ptrace sctp dccp " +
		"socket-key socket-bluetooth socket-can socket-tipc socket-rds socket-x25 socket-nfc socket-kcm socket-qrtr socket-smc socket-rxrpc socket-ax25 socket-atm socket-caif",
}
