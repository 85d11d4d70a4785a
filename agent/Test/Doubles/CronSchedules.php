<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

/**
 * The table of cron schedules, as a connection that answers any query with all rows.
 */
class CronSchedules
{
    /**
     * @var array[]
     */
    private $rows;

    /**
     * @var array[] the rows from the second query on, where they differ
     */
    private $later;

    public function __construct(array $rows, array $later = [])
    {
        $this->rows = $rows;
        $this->later = $later;
    }

    public function select(): self
    {
        return $this;
    }

    public function from(): self
    {
        return $this;
    }

    public function where(): self
    {
        return $this;
    }

    public function fetchAll(): array
    {
        $rows = $this->rows;
        $this->rows = array_replace($this->rows, $this->later);

        return array_values($rows);
    }
}
