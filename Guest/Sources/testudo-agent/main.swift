import GuestAgent
import GuestInit

guest_init_link()
await Agent.main(arguments: Array(CommandLine.arguments.dropFirst()))
