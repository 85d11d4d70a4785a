<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\State;

use MagentoEventBridge\Agent\Snapshot\Snapshot;

/**
 * What the agent remembers of one object until its captures are handed over.
 */
class ObjectState
{
    /**
     * The object's row as the database had it; null where it had none.
     *
     * @var array|null
     */
    public $before;

    /**
     * Events that were announced before the object is saved, as keys.
     *
     * @var bool[]
     */
    public $announced = [];

    /**
     * How many were added to a line of a cart; null where nobody added any.
     *
     * @var float|null
     */
    public $added;

    /**
     * The snapshot of an object that is being deleted.
     *
     * @var Snapshot|null
     */
    public $last;

    /**
     * The values of declared columns as they are in captures that wait, and in captures handed over.
     *
     * @var array
     */
    public $announcedColumns = [];

    /**
     * @var array
     */
    public $settledColumns = [];

    /**
     * The object's row before a save that own events compare with; empty where it had none, null if not read.
     *
     * @var array|null
     */
    public $declaredRow;

    /**
     * Forgets what has been handed over; it is not called for a transaction that is rolled back.
     */
    public function settle(): void
    {
        $this->settledColumns = array_replace($this->settledColumns, $this->announcedColumns);
        $this->announcedColumns = [];
        $this->declaredRow = null;
        $this->announced = [];
        $this->added = null;
        $this->last = null;
    }
}
