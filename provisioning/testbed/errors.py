"""Typed errors of this room: each says what happened, the likely mistake, and the way out."""

from labs.errors import CourseError
from labs.shell import msl, rehearse


class ProvisioningError(CourseError):
    """A site, a machine or its set-up refuses, fails or does not answer.

    Attributes:
        transient: True if trying the same step again soon may succeed without help.
    """

    way_out = "Run the same cell again; it resumes where it stopped."
    transient = False


class NotSignedInError(ProvisioningError):
    """The identity service refused the credentials (401), or some of them are missing."""

    likely = "The token has expired or was revoked; or the openrc's password is another one's."
    way_out = (
        "On Chameleon: open a new terminal or restart your Jupyter server from the hub, then "
        f"run this again. In rehearsal: `{msl('rehearsal status')}`, and restart the kernel."
    )


class NoCredentialsError(NotSignedInError):
    """This computer has nothing to sign in with: one sentence, since it is the first that a
    newcomer meets.
    """

    def __init__(self) -> None:
        super().__init__(
            f"There are no Chameleon credentials on this computer: rehearse with `{rehearse()}`, "
            "or download the openrc from Chameleon's web page (Identity, Application "
            "Credentials) and `source` it (on a machine of Chameleon's, `cc-login "
            "--output-openrc openrc` writes one), or open Chameleon's Jupyter."
        )

    def __str__(self) -> str:
        return self.what


class ServiceBusyError(ProvisioningError):
    """A service could not be reached or answered 5xx; nothing is known to be wrong with the
    request.
    """

    likely = "The site is overloaded, or somebody works on it."
    way_out = (
        "Run the cell again in a minute; if it stays so, look at Chameleon's status page for an "
        "outage."
    )
    transient = True


class MaintenanceError(ServiceBusyError):
    """The site is there and does not serve: it answers 502 to 504, or with a page for people."""

    likely = (
        "The site is in maintenance, or more people ask than it can answer. What you have there "
        "is not lost."
    )
    way_out = (
        "Try again in a few minutes, and reserve nothing in its place meanwhile; "
        "Chameleon's status page says what is worked on and until when."
    )


class NoAnswerError(ServiceBusyError):
    """Nothing answers at the site's address."""

    likely = (
        "This computer has no way there: no network, or a VPN or firewall in between. Or the "
        "site is down."
    )
    way_out = (
        "See whether a browser on this computer opens chameleoncloud.org, then try again. "
        f"In rehearsal: `{msl('rehearsal up')}`."
    )


class CalendarUnreadError(ServiceBusyError):
    """The site answers, but its calendar of bookings cannot be read."""

    likely = "The reservation service is being worked on. Unread is not the same as taken."
    way_out = (
        "Ask again in a few minutes, or choose a machine of another site; a lease that you have "
        "is not touched."
    )


class ConflictError(ProvisioningError):
    """Something else holds what the request is about (409)."""

    likely = (
        "The node is still being cleaned after the lease before yours, or the same request came "
        "twice."
    )
    way_out = "Run the cell again in a minute or two; if it stays so, reserve another node by name."
    transient = True


class RefusedError(ProvisioningError):
    """The service understood the request and refused it: 400, 403, 404."""

    likely = (
        "A date in the past or a name that this site does not have (400); an account outside of "
        "the project, or its quota (403); something that was deleted, or that went with its "
        "lease (404)."
    )
    way_out = "Correct what the message names and run the cell again; for 403 ask the instructor."


class QuotaError(RefusedError):
    """The project holds as much as its quota allows (403)."""

    likely = "Your project's members together hold what its quota allows; some of it may be idle."
    way_out = (
        f"`{msl('lease sweep --mine')}` lists what you hold: release what you do not use, then run "
        "the cell again. If that is not enough, the instructor sweeps, or asks Chameleon's help "
        "desk for a larger quota."
    )


class TooEarlyToExtendError(RefusedError):
    """The lease has more than 48 hours left, and Chameleon extends none before that (400)."""

    likely = (
        "Chameleon extends a lease only in its last 48 hours, by seven days at most; this one ends "
        "later than in 48 hours."
    )
    way_out = (
        "Run the same command again when at most 48 hours of the lease are left: for a block of a "
        "few hours, from two days before it on."
    )


class NoCapacityError(ProvisioningError):
    """Nobody can have that resource in that time: others have it."""

    likely = (
        "Every matching machine is reserved by others for at least part of the time you asked for."
    )
    way_out = (
        "Open the planner: it shows the next free blocks and the next machine of the list of "
        "options."
    )


class LeaseMissingError(ProvisioningError):
    """No usable lease of that name exists at that site."""

    likely = "The name or the site differs from the one you reserved, or the lease has ended."
    way_out = (
        "Run the reservation notebook, or copy the lease's name from the Chameleon web page "
        "(Leases)."
    )


class LeaseFailedError(ProvisioningError):
    """The lease is in ERROR. python-chi's own `submit` and `wait` return normally in that state."""

    likely = "The site could not set the reservation up; often the node was taken out of service."
    way_out = "Release this lease and reserve another node by name, or the next site option."


class LeaseEndedError(ProvisioningError):
    """The lease ended while work was going on."""

    likely = "The block was too short for what was left to do."
    way_out = (
        "Reserve a new block. Results recorded on your side are kept; the machine's disk is gone."
    )


class ServerFailedError(ProvisioningError):
    """The server or container is in ERROR. python-chi's own `submit` and `wait` return normally
    then.
    """

    likely = (
        "The node did not boot, as happens with bare metal; or the device could not pull an "
        "image for arm64."
    )
    way_out = (
        "Run the step again: it removes what failed and starts once more. "
        "After a second failure reserve another machine by name and report the first to the site."
    )


class NoAddressError(ProvisioningError):
    """The site has no floating IP left for this project."""

    likely = "Earlier work in your project was not released, and its addresses are idle."
    way_out = (
        f"`{msl('lease sweep --mine')}` lists yours; release those, or ask the instructor to sweep."
    )


class NotReachableError(ProvisioningError):
    """The machine is ACTIVE and does not answer on the port."""

    likely = (
        "It is still booting (bare metal needs 10 to 30 minutes), or its firewall is closed: a "
        "virtual machine needs a security group that allows SSH (web page: Instances, Edit "
        "Security Groups)."
    )
    way_out = (
        "Run the step again, it waits once more. If the machine still does not answer: "
        f"`{msl('lease release PART --keep-lease')}`, then bring it up anew; the same node boots "
        "again."
    )


class HostKeyError(ProvisioningError):
    """This computer does not know the machine by its host key, so anybody could answer for it."""

    likely = "You have never signed in from this computer, or the machine was installed again."
    way_out = (
        "Sign in once with `ssh`, compare the fingerprint that it shows with the owner's, and "
        "answer yes. If the key has changed, ask the owner why before you remove the old line of "
        "~/.ssh/known_hosts."
    )


class ConnectionLostError(NotReachableError):
    """The machine answered, and the connection broke off before a command's end was heard."""

    likely = "The network failed for a moment, or the machine restarted."
    way_out = (
        "Run the step again: what runs on the machine goes on without the connection, and is found "
        "again. After a restart, the step waits until SSH answers."
    )
    transient = True


class NoKeyError(ProvisioningError):
    """There is no SSH key for the server, or the available key does not open it."""

    likely = "The key pair was made on another machine, so the private key is not here."
    way_out = (
        "On Chameleon's Jupyter the key is ready. Elsewhere: set OS_KEYPAIR_PRIVATE_KEY and "
        "OS_KEYPAIR_PUBLIC_KEY to a pair made by `ssh-keygen`, release the server, and boot it "
        "again."
    )


class CommandFailedError(ProvisioningError):
    """A set-up command on the machine ended with an exit code other than 0."""

    likely = "A download broke off, or the disk is full."
    way_out = (
        "Read the log's last lines above; run the step again, it continues after what was "
        "already done."
    )


class StepTimeoutError(ProvisioningError):
    """A step did not finish within its time-out."""

    likely = "The site is slower than usual today."
    way_out = "Run it again: work that goes on in the background is picked up, not started twice."


class NotReleasedError(ProvisioningError):
    """Something could not be deleted and still counts against you."""

    likely = "A service refused or was slow; a resource in ERROR sometimes needs a second request."
    way_out = (
        f"Run the release again in a minute; what stays after that, `{msl('lease sweep')}` shows."
    )


class NotHomeError(ProvisioningError):
    """The machine holds results that are nowhere else, and releasing it would delete them."""

    likely = "You measured or wrote something on the machine since the last pull."
    way_out = (
        f"Pull first: `lab.pull(PART)` in a notebook, `{msl('pull PART')}` in a terminal. What "
        "you really do not want is given up with `discard=True`, or --discard."
    )


class NotMeasuredError(ProvisioningError):
    """Nothing was measured on the machine yet, and releasing it would end the lease."""

    likely = "The cells that measure were not run, or stopped."
    way_out = (
        "Run the cells above that measure, then this one. To give the machine back without a "
        "measurement, write `sure=True` into the call of `lab.give_back`."
    )


class CancelledError(ProvisioningError):
    """The user asked to stop."""

    likely = "You pressed cancel, or the kernel was interrupted."
    way_out = "Run the cell again to resume; release the lease when you do not go on."
