declare global {
  namespace App {
    /** What the address bar's history remembers beside the address. */
    interface PageState {
      /** Index of the photo that the viewer shows; absent when it is closed. */
      photo?: number;
      /** Content of the album's entry that the viewer shows; absent when it is closed. */
      entry?: string;
      /** True when the viewer was opened from the grid, so that closing it is one step back. */
      fromGrid?: boolean;
    }
  }
}

export {};
