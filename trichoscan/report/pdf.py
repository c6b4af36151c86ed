"""A page of the report as PDF, by weasyprint; the extra ``pdf`` brings it."""

from __future__ import annotations

from trichoscan.records import TrichoscanError


def to_pdf(html: str) -> bytes:
    """The page on A4 sheets. The same page gives the same bytes.

    Parameters
    ----------
    html : str
        A page that `page.report_pages` made for paper.

    Raises
    ------
    TrichoscanError
        weasyprint, or the Pango library that it draws text with, is missing.
    """
    try:
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except (ImportError, OSError) as error:
        raise TrichoscanError(
            f"--pdf needs weasyprint and Pango ({error}): pip install 'trichoscan[pdf]', and on Debian "
            "apt install libpango-1.0-0 libpangoft2-1.0-0"
        ) from None
    # A report holds all that it shows: nothing is fetched from anywhere.
    from_page_only = URLFetcher(allowed_protocols=("data",))
    document: bytes = HTML(string=html, url_fetcher=from_page_only).write_pdf()
    return document
