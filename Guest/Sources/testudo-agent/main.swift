import GuestAgent
import GuestInit

guest_init_link()
Agent.main(arguments: Array(CommandLine.arguments.dropFirst()))
