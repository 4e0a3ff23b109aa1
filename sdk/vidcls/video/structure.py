def is_cut_off(file):
    return False


def video_tracks(file):
    return None
