<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

/**
 * An object at one moment: its name, and the fields that may leave the shop.
 */
class Snapshot
{
    /**
     * The key of the values of declared paths; in a capture they are beside the snapshot.
     */
    public const PATHS = '@paths';

    /**
     * @var string|null
     */
    private $subject;

    /**
     * @var array
     */
    private $fields;

    /**
     * @var bool
     */
    private $isNew;

    /**
     * @var bool
     */
    private $hasPartsSavedLater;

    /**
     * @param string|null $subject
     * @param array $fields
     * @param bool $isNew
     * @param bool $hasPartsSavedLater
     */
    public function __construct(
        ?string $subject,
        array $fields,
        bool $isNew = false,
        bool $hasPartsSavedLater = false
    ) {
        $this->subject = $subject;
        $this->fields = $fields;
        $this->isNew = $isNew;
        $this->hasPartsSavedLater = $hasPartsSavedLater;
    }

    /**
     * Returns what the snapshot is about.
     */
    public function getSubject(): ?string
    {
        return $this->subject;
    }

    /**
     * Returns the fields.
     */
    public function getFields(): array
    {
        return $this->fields;
    }

    /**
     * Returns whether the object was just created.
     */
    public function isNew(): bool
    {
        return $this->isNew;
    }

    /**
     * Returns whether the snapshot is complete only at the end of the transaction.
     */
    public function hasPartsSavedLater(): bool
    {
        return $this->hasPartsSavedLater;
    }

    /**
     * Returns a copy with other values for some of its fields; fields that it lacks are not added.
     */
    public function with(array $values): self
    {
        return new self(
            $this->subject,
            array_replace($this->fields, array_intersect_key($values, $this->fields)),
            $this->isNew,
            $this->hasPartsSavedLater
        );
    }
}
