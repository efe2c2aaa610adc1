"""What a device accepts: versions, sizes, hashes, and signatures under the key inside its firmware."""
