<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Capture;

use MagentoEventBridge\Agent\Snapshot\Snapshot;

/**
 * The capture of one Magento event; its snapshot may be replaced until it is handed over.
 */
class Capture
{
    private const VERSION = 1;
    private const MAX_SUBJECT = 255;

    /**
     * @var string
     */
    private $id;

    /**
     * @var string
     */
    private $event;

    /**
     * @var float
     */
    private $time;

    /**
     * @var string|null
     */
    private $area;

    /**
     * @var int
     */
    private $storeId;

    /**
     * @var string|null
     */
    private $subject;

    /**
     * @var array|null
     */
    private $context;

    /**
     * @var array|null
     */
    private $viewCodes;

    /**
     * @var string|null
     */
    private $declared;

    /**
     * @var array
     */
    private $snapshot = [];

    /**
     * @var array
     */
    private $original = [];

    /**
     * @var bool
     */
    private $isNew = false;

    /**
     * @var bool
     */
    private $isEmpty = false;

    /**
     * @var callable|null
     */
    private $refresher;

    /**
     * @param string $id
     * @param string $event
     * @param float $time
     * @param string|null $area
     * @param int $storeId
     * @param string|null $subject
     * @param array|null $context
     * @param array|null $viewCodes
     */
    public function __construct(
        string $id,
        string $event,
        float $time,
        ?string $area,
        int $storeId,
        ?string $subject,
        ?array $context,
        ?array $viewCodes = null
    ) {
        $this->id = $id;
        $this->event = $event;
        $this->time = $time;
        $this->area = $area;
        $this->storeId = $storeId;
        $this->subject = $subject === null ? null : $this->writable($subject);
        $this->context = $context;
        $this->viewCodes = $viewCodes;
    }

    /**
     * Sets the current snapshot, and the former values of what changed.
     */
    public function show(array $snapshot, array $original = [], bool $isNew = false): void
    {
        $this->snapshot = $snapshot;
        $this->original = $isNew ? [] : $original;
        $this->isNew = $isNew;
    }

    /**
     * Returns the former values of what changed.
     */
    public function getOriginal(): array
    {
        return $this->original;
    }

    /**
     * Returns whether nothing changed: the object is as it was before.
     */
    public function setTellsNothing(bool $isEmpty): void
    {
        $this->isEmpty = $isEmpty;
    }

    /**
     * Returns whether nothing changed after all.
     */
    public function isEmpty(): bool
    {
        return $this->isEmpty;
    }

    /**
     * Sets the function that takes the last snapshot, just before the hand-over.
     */
    public function setRefresher(callable $refresher): void
    {
        $this->refresher = $refresher;
    }

    /**
     * Takes the last snapshot, if there is a function for it.
     */
    public function refresh(): void
    {
        if ($this->refresher !== null) {
            $this->snapshot = ($this->refresher)();
            $this->refresher = null;
        }
    }

    /**
     * Sets the own event of the capture.
     */
    public function setDeclared(string $name): void
    {
        $this->declared = $name;
    }

    /**
     * Returns the ID.
     */
    public function getId(): string
    {
        return $this->id;
    }

    /**
     * Returns the name of the event.
     */
    public function getEvent(): string
    {
        return $this->event;
    }

    /**
     * Returns the store view whose settings apply.
     */
    public function getStoreId(): int
    {
        return $this->storeId;
    }

    /**
     * Returns what the capture is about.
     */
    public function getSubject(): ?string
    {
        return $this->subject;
    }

    /**
     * Returns the capture as JSON in plain ASCII, which every connection's character set can hold.
     *
     * @param bool $isQueued whether it goes through Magento's message queue
     * @param int $onError what to do with a value that JSON cannot hold, as json_encode's flag
     * @return string
     */
    public function toJson(bool $isQueued = false, int $onError = JSON_THROW_ON_ERROR): string
    {
        return json_encode(
            [
                'version' => self::VERSION,
                'id' => $this->id,
                'event' => $this->event,
                'time' => $this->time,
                'area' => $this->area,
                'store_id' => $this->storeId,
                'subject' => $this->subject,
                'queued' => $isQueued,
                'is_new' => $this->isNew,
                'original' => (object)$this->original,
                'snapshot' => (object)array_diff_key($this->snapshot, [Snapshot::PATHS => true]),
                'context' => $this->context,
            ] + $this->more(),
            JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE | $onError
        );
    }

    /**
     * Returns the optional fields.
     */
    private function more(): array
    {
        return array_filter([
            'view' => $this->viewCodes,
            'declared' => $this->declared,
            'paths' => $this->snapshot[Snapshot::PATHS] ?? null,
        ]);
    }

    /**
     * Limits the subject to what a column of three-byte UTF-8 can hold.
     */
    private function writable(string $subject): string
    {
        $subject = mb_convert_encoding($subject, 'UTF-8', 'UTF-8');
        $subject = preg_replace('/[\x{10000}-\x{10FFFF}]/u', '?', $subject);

        return mb_substr($subject, 0, self::MAX_SUBJECT);
    }
}
