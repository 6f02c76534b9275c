/// The one kernel command line of the guest; part of the launch measurement, so node and tenant compute the same text.
public enum GuestCommandLine {
    /// What every guest gets, each item with its reason.
    private static let common: [String] = [
        "panic=-1",  // a panic resets at once, and a reset ends the machine
        "random.trust_bootloader=off",  // the host's seed is not entropy (rule R16)
        "random.trust_cpu=on",  // RDRAND is the cVM's own source; waiting for jitter costs a second
        "tsc=reliable",  // no clock watchdog: under emulation it mistrusts a good clock
        "no_timer_check",
        "noreplace-smp",
        "i8042.noaux=1",  // there is no keyboard: do not wait for one
        "i8042.nopnp=1",
        "i8042.dumbkbd=1",
        "pci=lastbus=0",  // one bus, do not scan for more
        "cryptomgr.notests",
        "rcupdate.rcu_expedited=1",
        "init=/init",
    ]

    /// The command line of a guest.
    ///
    /// - Parameter debug: Whether the guest has a serial console; such a guest has another measurement (rule R21).
    public static func text(debug: Bool) -> String {
        let own = debug ? ["console=ttyS0", "testudo.debug=1"] : ["quiet", "loglevel=0", "testudo.debug=0"]
        return (self.common + own).joined(separator: " ")
    }

    /// Without a console: the command line that references are published for.
    public static let release = GuestCommandLine.text(debug: false)

    /// With a console on the serial port.
    public static let debug = GuestCommandLine.text(debug: true)
}
