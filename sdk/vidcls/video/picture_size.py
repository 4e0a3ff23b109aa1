def size_of_pictures(packet, codec):
    return None
