"""Disks that are full or turn read-only: small file systems of our own on loop devices."""
import errno, os
from pathlib import Path

from fault import Fault
from world import call

BLOCK = bytes(4096)


class Volume:
    """A file system of a few MiB that takes the place of a folder."""

    def __init__(self, folder, mebibytes):
        self.folder, self.image = Path(folder), Path(f"{folder}.img")
        with open(self.image, "wb") as image:
            image.truncate(mebibytes << 20)
        # Nothing reserved for root, who fills it.
        call("mkfs.ext4", "-q", "-m", "0", self.image)
        self.mount()

    def mount(self):
        call("mount", "-o", "loop,errors=remount-ro", self.image, self.folder)
        self.device = call("findmnt", "-no", "SOURCE", self.folder).strip()

    def fill(self):
        """Takes all room that is left. Returns the bytes taken."""
        with open(self.folder / "filler", "ab", buffering=0) as filler:
            for size in (len(BLOCK) * 64, len(BLOCK), 512):
                while True:
                    try:
                        filler.write(bytes(size))
                    except OSError as error:
                        if error.errno != errno.ENOSPC:
                            raise
                        break
            return filler.tell()

    def free(self):
        (self.folder / "filler").unlink()

    def fail(self):
        """The kernel finds an error in the file system and lets nobody write any more: what turns a
        disk read-only under a running program; a remount would be refused while files are open.
        Source: Linux, Documentation/ABI/testing/sysfs-fs-ext4.
        """
        Path(f"/sys/fs/ext4/{os.path.basename(self.device)}/trigger_fs_error").write_text("1")

    def mend(self):
        """Once nobody uses it: checks it and makes it writable again."""
        call("umount", self.folder)
        # Status 1 says that errors were corrected, and here there is one.
        call("sh", "-c", 'fsck.ext4 -fy "$0" || [ $? = 1 ]', self.image)
        self.mount()

    def remove(self):
        call("umount", self.folder)


class Disk(Fault):
    """A site on whose volumes something happens, those of agents or of the collector."""
    part, mebibytes, whole, quick = "agents", 8, 30, 6
    bound = 75

    def happen(self):
        with self.site(agents=2) as site:
            programs = getattr(site, self.part)
            for program in programs:
                site.volumes.append(Volume(program.folder, self.mebibytes))
            site.start()
            self.disturb(site, programs, site.volumes)
            self.runs += 1
            self.recover(site)


class Full(Disk):
    def disturb(self, site, programs, volumes):
        sizes = [program.log_size() for program in programs]
        for volume in volumes:
            self.require(volume.fill() > 0, "the disk was full before")
        self.pause(self.seconds(self.whole, self.quick))
        for program, volume, size in zip(programs, volumes, sizes):
            self.note_complaint(program, size)
            volume.free()


class AgentFull(Full):
    name = "disk_full_agent"
    promise = "Metering goes on in memory and says so; all of it is written when there is room."


class StoreFull(Full):
    name = "disk_full_store"
    promise = "Nothing is acknowledged that is not stored; all of it is when there is room."
    part, mebibytes = "collectors", 16


class ReadOnly(Disk):
    def disturb(self, site, programs, volumes):
        sizes = [program.log_size() for program in programs]
        for volume in volumes:
            volume.fail()
        self.pause(self.seconds(self.whole, self.quick))
        for program, volume, size in zip(programs, volumes, sizes):
            self.note_complaint(program, size)
            # A file system with errors must be unmounted to be mended.
            program.end()
            volume.mend()
            if self.part == "agents":
                program.truth.look_anew()
            program.start("ready")


class AgentReadOnly(ReadOnly):
    name = "read_only_agent"
    promise = "Metering goes on in memory and says so; after a restart the time is covered."


class StoreReadOnly(ReadOnly):
    name = "read_only_store"
    promise = "Nothing is acknowledged that is not stored; all of it is when it is writable again."
    part, mebibytes = "collectors", 16
