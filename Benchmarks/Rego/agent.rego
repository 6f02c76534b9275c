# What a Kata agent may be asked to do, in the style of genpolicy: most requests are refused, a few are allowed, and a
# container must be one of those in policy_data.
package agent_policy

import rego.v1

default AddARPNeighborsRequest := false

default AddSwapRequest := false

default CloseStdinRequest := false

default CopyFileRequest := false

default CreateContainerRequest := false

default CreateSandboxRequest := false

default DestroySandboxRequest := true

default ExecProcessRequest := false

default GetIPTablesRequest := false

default GetMetricsRequest := false

default GetOOMEventRequest := true

default GuestDetailsRequest := true

default ListInterfacesRequest := false

default ListRoutesRequest := false

default MemHotplugByProbeRequest := false

default OnlineCPUMemRequest := true

default PauseContainerRequest := false

default ReadStreamRequest := false

default RemoveContainerRequest := true

default RemoveStaleVirtiofsShareMountsRequest := true

default ReseedRandomDevRequest := false

default ResizeVolumeRequest := false

default ResumeContainerRequest := false

default SetGuestDateTimeRequest := false

default SetIPTablesRequest := false

default SetPolicyRequest := false

default SignalProcessRequest := true

default StartContainerRequest := true

default StartTracingRequest := false

default StatsContainerRequest := true

default StopTracingRequest := false

default TtyWinResizeRequest := true

default UpdateContainerRequest := false

default UpdateEphemeralMountsRequest := false

default UpdateInterfaceRequest := false

default UpdateRoutesRequest := false

default VolumeStatsRequest := false

default WaitProcessRequest := true

default WriteStreamRequest := false

CreateContainerRequest if {
	oci := input.OCI
	count(input.shared_mounts) == 0
	some container in policy_data.containers
	allow_annotations(container.OCI.Annotations, oci.Annotations)
	container.OCI.Version == oci.Version
	container.OCI.Root.Readonly == oci.Root.Readonly
	container.sandbox_pidns == input.sandbox_pidns
	sandbox := oci.Annotations["io.kubernetes.cri.sandbox-id"]
	regex.match(policy_data.common.id, sandbox)
	allow_root(oci.Root.Path, input.container_id)
	allow_process(container.OCI.Process, oci.Process)
	allow_linux(container.OCI.Linux, oci.Linux)
	allow_mounts(container.OCI.Mounts, oci.Mounts, sandbox)
	allow_storages(container.storages, input.storages, sandbox)
	allow_devices(container.devices, input.devices)
}

allow_annotations(expected, actual) if {
	every key, value in expected {
		actual[key] == value
	}
	every key, _ in actual {
		allow_annotation_key(expected, key)
	}
}

allow_annotation_key(expected, key) if key in object.keys(expected)

allow_annotation_key(_, key) if startswith(key, "io.kubernetes.cri.")

allow_annotation_key(_, key) if key in policy_data.common.annotation_keys

allow_root(path, id) if path == concat("", [policy_data.common.root_prefix, id, "/rootfs"])

allow_root(path, _) if path in policy_data.common.known_roots

allow_process(expected, actual) if {
	expected.Terminal == actual.Terminal
	expected.Cwd == actual.Cwd
	expected.NoNewPrivileges == actual.NoNewPrivileges
	allow_user(expected.User, actual.User)
	allow_args(expected.Args, actual.Args)
	allow_caps(expected.Capabilities, actual.Capabilities)
	every variable in actual.Env {
		allow_env(expected.Env, variable)
	}
}

allow_user(expected, actual) if {
	expected.UID == actual.UID
	expected.GID == actual.GID
	{gid | some gid in expected.AdditionalGids} == {gid | some gid in actual.AdditionalGids}
}

allow_args(expected, actual) if {
	count(expected) == count(actual)
	every index, argument in actual {
		allow_arg(expected[index], argument)
	}
}

allow_arg(expected, actual) if {
	not contains(expected, "$(")
	expected == actual
}

allow_arg(expected, actual) if {
	contains(expected, "$(node-name)")
	parts := split(expected, "$(node-name)")
	startswith(actual, parts[0])
	endswith(actual, parts[1])
}

allow_env(expected, variable) if variable in expected

allow_env(_, variable) if {
	some pattern in policy_data.request_defaults.CreateContainerRequest.allow_env_regex
	regex.match(pattern, variable)
}

allow_env(expected, variable) if {
	[name, value] := split(variable, "=")
	some entry in expected
	[name, "$(host-name)"] == split(entry, "=")
	regex.match(policy_data.common.hostname, value)
}

allow_caps(expected, actual) if {
	every kind in ["Bounding", "Effective", "Inheritable", "Permitted", "Ambient"] {
		allow_cap_set(expected[kind], actual[kind])
	}
}

allow_cap_set(expected, actual) if expected == actual

allow_cap_set(expected, actual) if {
	expected == ["$(default_caps)"]
	{cap | some cap in actual} == {cap | some cap in policy_data.common.default_caps}
}

allow_linux(expected, actual) if {
	{[space.Type, space.Path] | some space in expected.Namespaces} == {[space.Type, space.Path] |
		some space in actual.Namespaces
	}
	every path in expected.MaskedPaths {
		path in actual.MaskedPaths
	}
	every path in expected.ReadonlyPaths {
		path in actual.ReadonlyPaths
	}
	count(object.get(actual, "Sysctl", {})) == 0
}

allow_mounts(expected, actual, sandbox) if {
	count(expected) == count(actual)
	every mount in actual {
		some rule in expected
		allow_mount(rule, mount, sandbox)
	}
}

allow_mount(rule, mount, sandbox) if {
	rule.destination == mount.destination
	rule.type_ == mount.type_
	rule.options == mount.options
	allow_source(rule.source, mount.source, sandbox)
}

allow_source(expected, actual, _) if expected == actual

allow_source(expected, actual, sandbox) if {
	contains(expected, "$(sandbox-id)")
	regex.match(replace(replace(expected, "$(shared)", policy_data.common.shared), "$(sandbox-id)", sandbox), actual)
}

allow_storages(expected, actual, sandbox) if {
	count(expected) == count(actual)
	every storage in actual {
		some rule in expected
		rule.driver == storage.driver
		rule.fstype == storage.fstype
		{option | some option in rule.options} == {option | some option in storage.options}
		allow_mount_point(rule, storage, sandbox)
	}
}

allow_mount_point(rule, storage, _) if {
	rule.driver == "image_guest_pull"
	startswith(storage.mount_point, policy_data.common.root_prefix)
	storage.source in policy_data.common.images
}

allow_mount_point(rule, storage, sandbox) if {
	rule.driver != "image_guest_pull"
	storage.mount_point == replace(rule.mount_point, "$(sandbox-id)", sandbox)
}

allow_devices(expected, actual) if {
	count(expected) == count(actual)
	every device in actual {
		some rule in expected
		rule.container_path == device.container_path
		rule.type == device.type
	}
}

ExecProcessRequest if {
	command := concat(" ", input.process.Args)
	some pattern in policy_data.request_defaults.ExecProcessRequest.regex
	regex.match(pattern, command)
}

ReadStreamRequest if policy_data.request_defaults.ReadStreamRequest

policy_data := {
	"common": {
		"id": "^[a-z0-9]{64}$",
		"hostname": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
		"shared": "/run/kata-containers/shared/containers",
		"root_prefix": "/run/kata-containers/",
		"known_roots": [],
		"images": ["registry.example/shop/web@sha256:4d1c", "pause"],
		"annotation_keys": ["nerdctl/network-namespace", "io.katacontainers.pkg.oci.bundle_path"],
		"default_caps": ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"],
	},
	"request_defaults": {
		"CreateContainerRequest": {"allow_env_regex": [
			"^HOSTNAME=[-a-z0-9]+$",
			"^[A-Z0-9_]+_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)=[0-9.]+$",
			"^[A-Z0-9_]+_PORT(_[0-9]+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?=[a-z0-9./:]+$"]},
		"ExecProcessRequest": {"regex": ["^/bin/health( --quiet)?$"]},
		"ReadStreamRequest": true,
	},
	"containers": [
		{
			"OCI": {"Version": "1.1.0",
				"Annotations": {"io.kubernetes.cri.container-type": "sandbox", "io.katacontainers.pkg.oci.container_type": "pod_sandbox"},
				"Root": {"Readonly": true},
				"Process": {"Terminal": false, "Cwd": "/", "NoNewPrivileges": true,
					"User": {"UID": 65535, "GID": 65535, "AdditionalGids": []},
					"Args": ["/pause"],
					"Env": ["PATH=/bin"],
					"Capabilities": {"Bounding": [], "Effective": [], "Inheritable": [], "Permitted": [], "Ambient": []}},
				"Linux": {"Namespaces": [], "MaskedPaths": [], "ReadonlyPaths": []},
				"Mounts": []},
			"sandbox_pidns": false, "storages": [], "devices": [],
		},
		{
			"OCI": {"Version": "1.1.0",
				"Annotations": {"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": "web", "io.katacontainers.pkg.oci.container_type": "pod_container"},
				"Root": {"Readonly": true},
				"Process": {"Terminal": false, "Cwd": "/srv", "NoNewPrivileges": true,
					"User": {"UID": 1000, "GID": 1000, "AdditionalGids": [2000, 1000]},
					"Args": ["/srv/web", "--listen", ":8080", "--node=$(node-name).local"],
					"Env": ["PATH=/usr/bin:/bin", "LANG=C.UTF-8", "SHOP=https://shop.example", "MODE=live", "POD=$(host-name)"],
					"Capabilities": {"Bounding": ["$(default_caps)"], "Effective": ["$(default_caps)"], "Inheritable": [], "Permitted": ["$(default_caps)"], "Ambient": []}},
				"Linux": {"Namespaces": [{"Type": "ipc", "Path": ""}, {"Type": "uts", "Path": ""}, {"Type": "mount", "Path": ""}], "MaskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"], "ReadonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"]},
				"Mounts": [{"destination": "/proc", "source": "proc", "type_": "proc", "options": ["nosuid", "noexec", "nodev"]},
					{"destination": "/dev", "source": "tmpfs", "type_": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
					{"destination": "/dev/pts", "source": "devpts", "type_": "devpts", "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
					{"destination": "/dev/shm", "source": "/run/kata-containers/sandbox/shm", "type_": "bind", "options": ["rbind"]},
					{"destination": "/sys", "source": "sysfs", "type_": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
					{"destination": "/etc/hosts", "source": "^$(shared)/$(sandbox-id)-[a-z0-9]{16}-hosts$", "type_": "bind", "options": ["rbind", "rprivate", "rw"]},
					{"destination": "/etc/resolv.conf", "source": "^$(shared)/$(sandbox-id)-[a-z0-9]{16}-resolv.conf$", "type_": "bind", "options": ["rbind", "rprivate", "ro"]},
					{"destination": "/var/run/secrets/kubernetes.io/serviceaccount", "source": "^$(shared)/$(sandbox-id)-[a-z0-9]{16}-serviceaccount$", "type_": "bind", "options": ["rbind", "rprivate", "ro"]}]},
			"sandbox_pidns": false,
			"storages": [
				{"driver": "image_guest_pull", "fstype": "overlay", "options": []},
				{"driver": "ephemeral", "fstype": "tmpfs", "options": ["nr_inodes=1024", "size=64m"], "mount_point": "/run/kata-containers/sandbox/$(sandbox-id)/cache"}], "devices": [],
		},
	],
}
