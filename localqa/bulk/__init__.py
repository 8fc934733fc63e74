"""Questions by the million: large files in parts that can be answered anywhere and in any order."""
